package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rows evaluates each row of the table: whether it takes the request, and why not.
func (e *evaluation) rows(decision *route.Decision) []Row {
	out := make([]Row, 0, len(e.table.Routes))
	for i := range e.table.Routes {
		r := &e.table.Routes[i]
		row := Row{Name: r.Name, Kind: r.Kind, To: e.to(r), Taken: i == decision.Route}
		row.asked = r.Kind == route.Override && len(e.carried.asking(r)) > 0
		reasons := e.mismatches(r)
		row.Fits = reasons == nil
		switch {
		case row.Taken:
			row.Why = e.whyTaken(r, i)
		case row.Fits:
			row.Why = e.whyLater(r, decision)
		default:
			row.Why = e.whyNot(r, reasons)
		}
		out = append(out, row)
	}
	return out
}

// mismatches returns why each alternative of a row does not fit; nil if one does.
func (e *evaluation) mismatches(r *route.Route) []*route.Mismatch {
	if len(r.Matches) == 0 {
		return nil
	}
	var out []*route.Mismatch
	for i := range r.Matches {
		reason := r.Matches[i].Mismatch(&e.request)
		if reason == nil {
			return nil
		}
		out = append(out, reason)
	}
	return out
}

// whyLater says why a row that matches does not take the request.
func (e *evaluation) whyLater(r *route.Route, decision *route.Decision) string {
	taken := &e.table.Routes[decision.Route]
	named := !taken.Set && (taken.Kind == route.Override || taken.Kind == route.Unavailable)
	if members := e.carried.asking(r); r.Set && named && len(members) > 0 {
		return fmt.Sprintf("asked for by %s too, but a member that names %s wins over a set", memberList(members), taken.Version.Service)
	}
	return "also matches, but an earlier row takes the request"
}

func (e *evaluation) whyTaken(r *route.Route, at int) string {
	switch r.Kind {
	case route.Ordinary:
		return "the request carries no override"
	case route.Override:
		by := "asked for by "
		members := e.carried.asking(r)
		if len(members) > 0 && members[0].IsSet() {
			by += "the set "
		}
		if len(members) == 1 {
			return by + members[0].String()
		}
		return by + cmp.Or(e.decisive(at, members), "the carriers together")
	case route.Unavailable:
		return cmp.Or(e.decisive(at, e.carried.header), "a strict member") + " can't be served"
	case route.Released:
		if e.arrival != nil && e.arrival.refused {
			return "no rule for claims permits the override"
		}
	}
	return "no earlier row matches"
}

// decisive returns the member that takes the request to a row even if it is the only
// member.
func (e *evaluation) decisive(at int, members []grammar.Member) string {
	for _, m := range members {
		request := e.request
		request.Header = withoutCarriers(e.request.Header, e.snapshot.Options.Header)
		if slices.Contains(e.carried.header, m) {
			request.Header[e.snapshot.Options.Header] = []string{m.String()}
		} else if baggage, err := m.Baggage(); err == nil {
			request.Header[grammar.BaggageHeader] = []string{baggage}
		}
		if route.Evaluate(e.table, &request).Route == at {
			return m.String()
		}
	}
	return ""
}

func withoutCarriers(header map[string][]string, name string) map[string][]string {
	out := map[string][]string{}
	for key, values := range header {
		if key != name && key != grammar.BaggageHeader {
			out[key] = values
		}
	}
	return out
}

// whyNot joins the reasons of a row's alternatives. It describes conditions on the
// carriers in words, not as patterns, and only if nothing else prevents the row from
// taking the request.
func (e *evaluation) whyNot(r *route.Route, reasons []*route.Mismatch) string {
	var others []string
	carriers := false
	for _, reason := range reasons {
		if e.aboutCarrier(r.Kind, reason) || e.aboutClaim(reason) {
			carriers = true
		} else if text := reason.String(); !slices.Contains(others, text) {
			others = append(others, text)
		}
	}
	switch {
	case !carriers:
	case r.Kind == route.Override && len(e.carried.asking(r)) == 0:
		return "not asked for"
	case r.Kind == route.Override && len(others) == 0:
		return "asked for under other conditions: " + memberList(e.carried.asking(r))
	case r.Kind == route.Unavailable && (len(others) == 0 || !e.carried.strict(r)):
		if r.Set {
			return "no strict set of a version of " + r.Version.Service
		}
		return "no strict member for " + r.Version.Service
	case r.Kind == route.Ordinary:
		others = append(others, "the request carries an override")
	case r.Kind == route.Released:
		return "for overrides that no claim of the user permits"
	}
	return strings.Join(others, "; ")
}

// aboutCarrier reports whether a reason is about the condition on the carriers that every
// row of a kind has: rows for ordinary requests require that the request asks for no
// version, rows of versions that it asks for their version, and rows for users without a
// required claim that it asks for any. Other conditions on carriers
// are the user's, who may match on baggage too.
func (e *evaluation) aboutCarrier(kind route.Kind, reason *route.Mismatch) bool {
	baggage := reason.Name == grammar.BaggageHeader
	if reason.Field != route.Header || (!baggage && reason.Name != e.snapshot.Options.Header) {
		return false
	}
	switch kind {
	case route.Override, route.Unavailable, route.Released:
		return !reason.Negated && (!baggage || grammar.NeedsBaggageOverride(reason.Want.Value))
	case route.Ordinary:
		return reason.Negated && (!baggage || anyBaggage.Match(reason.Got))
	}
	return false
}

// aboutClaim reports whether a reason is that the user has a claim, or asks for what claims permit.
func (e *evaluation) aboutClaim(reason *route.Mismatch) bool {
	return e.arrival != nil && reason.Negated && (e.arrival.claims[reason.Name] != nil || e.arrival.claims != nil && reason.Name == e.snapshot.Options.Header)
}

// anyBaggage matches baggage that asks for a version.
var anyBaggage = route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}

func memberList(members []grammar.Member) string {
	var out []string
	for _, m := range members {
		out = append(out, m.String())
	}
	return join(out, "and")
}
