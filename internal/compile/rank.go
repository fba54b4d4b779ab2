package compile

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// A Kubernetes Gateway takes, among rules for one path, that with the most headers. So the
// number of headers gives the rows their order:
//
//	rule of the user     rows                                 headers
//	-------------------  -----------------------------------  -------
//	/ with x-beta  → b   b:v2                                 10
//	                     b:anything;strict                    9
//	                     *:v2                                 8
//	                     *:one of the versions of b;strict    7
//	                     the rule, for any override           6
//	                     the rule itself                      1
//	/              → a   a:v2                                 5
//	                     …                                    4 to 2
//	                     the rule itself                      0
//
// Without the row for any override, a request with x-beta that asks for a:v2 would get a:v2,
// although it would not get a. A rule needs it only if a later one competes with it
// ([mesh.Compete]). Headers are added by asking for the carrier under other spellings.

// maxHeaders is how many headers a match of an HTTPRoute may have.
const maxHeaders = 16

// rankedRule is a rule of a user's with the rows for it.
type rankedRule struct {
	mesh.AttachedRule

	rows []route.Route
	// top is the most headers of a row; zero without rows.
	top int
}

// rank makes the rows of rules, which are sorted as gateways have them. It says why that
// is not possible; empty if it is. Then the rules are nil unless they are too many.
func (x *attacher) rank(rules []mesh.AttachedRule) ([]*rankedRule, string) {
	out := make([]*rankedRule, len(rules))
	for i := range slices.Backward(rules) {
		u := &rankedRule{AttachedRule: rules[i]}
		out[i] = u
		headers := len(u.Match.Headers) + 1
		if x.tokens[u.User] {
			headers++ // the ID of the token
		}
		needsAny := false
		for _, later := range out[i+1:] {
			if !mesh.Compete(u.Match, later.Match) || u.User != later.User && !x.shareHost(u.User, later.User) {
				continue
			}
			if u.User != later.User && mesh.CompareMatches(u.Match, later.Match) == 0 && (u.User.Created.IsZero() || later.User.Created.IsZero()) {
				return nil, fmt.Sprintf("%s and %s have rules for the same requests, and their ages, which decide about their order, are not known", u.Object, later.Object)
			}
			if later.top > 0 {
				needsAny, headers = true, max(headers, later.top+1)
			}
		}
		rows := x.rowsOf(u)
		x.askForToken(u.User, rows)
		if needsAny {
			rows = append(rows, []route.Route{x.forAnyOverride(u)})
		}
		if why := u.place(rows, headers); why != "" {
			return out, why
		}
	}
	return out, ""
}

// place gives rows their headers. Each list of rows comes before the next.
func (u *rankedRule) place(tiers [][]route.Route, headers int) string {
	for i := range slices.Backward(tiers) {
		for j := range tiers[i] {
			r := &tiers[i][j]
			for k, m := range r.Matches {
				padded, ok := m.WithHeaders(carrierOf(&m, u.Match), headers)
				if !ok || len(padded.Headers) > maxHeaders {
					return fmt.Sprintf("%s has too many rules for the same path: with overrides, a match would have more than %d headers", u.Object, maxHeaders)
				}
				r.Matches[k] = padded
			}
			u.top = headers
		}
		if len(tiers[i]) > 0 {
			headers++
		}
	}
	for i := range tiers {
		u.rows = append(u.rows, tiers[i]...)
	}
	return ""
}

// carrierOf returns the header that m requires, and users does not.
func carrierOf(m, users *route.Match) string {
	for _, h := range m.Headers {
		if _, theirs := users.Headers.Get(h.Name); !theirs {
			return h.Name
		}
	}
	return grammar.BaggageHeader
}

// rowsOf makes the rows of a rule: those of a table, but for ordinary requests, in lists each
// of which comes before the next.
func (x *attacher) rowsOf(u *rankedRule) [][]route.Route {
	all := userRoute{matches: []route.Match{*u.Match}}
	for _, b := range u.Rule.Backends {
		if b.Service == "" || b.Weight == 0 {
			continue
		}
		host := x.ix.options.FQDN(b.Service, b.Namespace)
		if s := x.services.active(host); s != nil && slices.ContainsFunc(s.versions, func(v version) bool { return v.isolated != nil }) {
			all.destinations = append(all.destinations, route.Destination{Host: host, Port: b.Port})
		}
	}
	if len(all.destinations) == 0 {
		return nil
	}
	b := &builder{
		ix: x.ix, services: x.services, r: x.r, routes: []userRoute{all},
		draft: &draft{gateway: true, attached: u.User, entries: x.entriesOf(u.User)}, table: route.Table{Namespace: u.User.Namespace, Owner: u.User.Name},
	}
	b.overrides(0)
	out := make([][]route.Route, 4)
	for i := range b.table.Routes {
		r := b.table.Routes[i]
		tier := 0
		if r.Set {
			tier = 2
		}
		if r.Kind == route.Unavailable {
			tier++
			r.Response.Status = answerStatus
		} else {
			r.Rule = u.ruleTo(x.services.byHost[r.Destinations[0].Host].Service, &r)
		}
		out[tier] = append(out[tier], r)
	}
	return out
}

// entriesOf are the gateways that follow overrides of an HTTPRoute.
func (x *attacher) entriesOf(r *model.HTTPRoute) []entry {
	var out []entry
	if a := x.attached[r]; a != nil {
		for i := range a.Parents {
			g := x.ix.kubernetesGateway(&a.Parents[i])
			out = append(out, entry{gateway: g.Object(), rule: g.TokenRule, policy: g.TokenPolicy})
		}
	}
	return out
}

// answerStatus is the status with which a rule without backends is answered. An HTTPRoute can't
// name another one.
const answerStatus = 500

// forAnyOverride is the row of a rule for requests with any override.
func (x *attacher) forAnyOverride(u *rankedRule) route.Route {
	carriers := []route.Match{
		{Headers: route.Matchers{{Name: x.ix.options.Header, StringMatch: route.StringMatch{Op: route.Regex, Value: route.AnyValue}}}},
		{Headers: route.Matchers{{Name: grammar.BaggageHeader, StringMatch: route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}}}},
	}
	var backends []json.RawMessage
	for i := range u.Rule.Backends {
		backends = append(backends, u.Rule.Backends[i].JSON)
	}
	return route.Route{
		Name: string(route.Released), Kind: route.Released, Matches: conjunctions([]route.Match{*u.Match}, carriers), Rule: u.ruleWith(backends),
	}
}

// ruleTo is the user's rule with the Service of the row's destination in the place of its
// backends.
func (u *rankedRule) ruleTo(to *model.Service, r *route.Route) json.RawMessage {
	backend := map[string]any{"group": "", "kind": "Service", "name": to.Name, "port": r.Destinations[0].Port, "weight": 1}
	if to.Namespace != u.User.Namespace {
		backend["namespace"] = to.Namespace
	}
	for _, b := range u.Rule.Backends {
		if b.Namespace == r.Version.Namespace && b.Service == r.Version.Service && b.Filters != nil {
			backend["filters"] = b.Filters
		}
	}
	return u.ruleWith([]json.RawMessage{mustMarshal(backend)})
}

// ruleWith is the user's rule with other backends.
func (u *rankedRule) ruleWith(backends []json.RawMessage) json.RawMessage {
	out := make(map[string]any, len(u.Rule.Body)+1)
	for key, value := range u.Rule.Body {
		out[key] = value
	}
	if len(backends) > 0 {
		out["backendRefs"] = backends
	}
	return mustMarshal(out)
}

// mustMarshal encodes a value whose parts are JSON.
func mustMarshal(value any) json.RawMessage {
	out, err := json.Marshal(value)
	if err != nil {
		panic(err) // which was decoded from JSON
	}
	return out
}
