package explain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// carried is what the carriers of a request ask for.
type carried struct {
	header, baggage []grammar.Member
}

// names lists the members that ask for a version.
func (c *carried) names(v route.Version) []grammar.Member {
	var out []grammar.Member
	for _, m := range slices.Concat(c.header, c.baggage) {
		if m.Service == v.Service && (m.Namespace == "" || m.Namespace == v.Namespace) && m.Version == v.Version {
			out = append(out, m)
		}
	}
	return out
}

// strict reports whether a strict member is for a Service.
func (c *carried) strict(service string) bool {
	return slices.ContainsFunc(c.header, func(m grammar.Member) bool { return m.Strict && m.Service == service })
}

// readCarriers parses the carriers, and notes what is wrong with them and which
// of their members can have no effect.
func (x *index) readCarriers(header map[string][]string) (*carried, []Note) {
	var c carried
	var notes []Note
	name := x.snapshot.Options.Header
	for _, carrier := range []struct {
		name  string
		parse func(...string) ([]grammar.Member, error)
		out   *[]grammar.Member
	}{
		{name, grammar.Parse, &c.header},
		{grammar.BaggageHeader, grammar.ParseBaggage, &c.baggage},
	} {
		members, err := carrier.parse(header[carrier.name]...)
		*carrier.out = members
		for _, e := range unjoin(err) {
			notes = append(notes, note(diag.Error, "%s: %v", carrier.name, e))
		}
	}
	if len(c.header) == 0 && len(c.baggage) == 0 && len(notes) == 0 {
		notes = append(notes, note(diag.Info, "the request carries no override: neither %s nor %s asks for a version", name, grammar.BaggageHeader))
	}
	return &c, append(notes, x.checkMembers(slices.Concat(c.header, c.baggage))...)
}

// CheckMembers says which members name a Service or a version that is not
// there, or one that no request can get to as the member says.
func CheckMembers(snapshot *model.Snapshot, result *compile.Result, members []grammar.Member) []Note {
	return newIndex(snapshot, result).checkMembers(members)
}

func (x *index) checkMembers(members []grammar.Member) []Note {
	var out []Note
	for _, m := range members {
		if n := x.checkMember(m); n != nil {
			n.Message = m.String() + ": " + n.Message
			if !slices.Contains(out, *n) {
				out = append(out, *n)
			}
		}
	}
	return out
}

// checkMember returns a note about m, nil where it can be followed at one
// Service at least.
func (x *index) checkMember(m grammar.Member) *Note {
	var first *Note
	for _, e := range x.byName[m.Service] {
		if m.Namespace != "" && m.Namespace != e.Namespace {
			continue
		}
		n := x.checkAt(e, m)
		if n == nil {
			return nil
		}
		if first == nil {
			first = n
		}
	}
	if first != nil {
		return first
	}
	n := note(diag.Warning, "%v", x.unknown(m.Service, m.Namespace))
	return &n
}

// checkAt returns why m can't be followed at a Service, nil if it can.
func (x *index) checkAt(e *entry, m grammar.Member) *Note {
	var n Note
	at := slices.IndexFunc(e.report.Versions, func(v compile.Version) bool { return v.Name == m.Version })
	switch {
	case e.VersionOf != "":
		n = note(diag.Warning, "Service %s stands for a version of %s", e.Name, e.VersionOf)
		n.Fix = fmt.Sprintf("write %s:VERSION", e.VersionOf)
	case e.report.State == compile.LeftAlone:
		n = note(diag.Warning, "Service %s.%s is left alone (%s), so that no version of it can be asked for", e.Name, e.Namespace, e.report.Reason)
		n.Fix = e.report.Reason.Entry().Fix
	case at < 0:
		n = x.noSuchVersion(e, m.Version)
	case e.report.State == compile.Idle && e.report.Versions[at].Released:
		n = note(diag.Info, "it is the released version of %s.%s, and the only one: every request gets it", e.Name, e.Namespace)
	case e.report.Versions[at].Ready == 0:
		n = note(diag.Warning, "version %s of %s.%s has no ready pod, so that no route leads to it", m.Version, e.Name, e.Namespace)
	default:
		return checkConditions(e, m)
	}
	return &n
}

func (x *index) noSuchVersion(e *entry, version string) Note {
	var names, shown []string
	for _, v := range e.report.Versions {
		names = append(names, v.Name)
		if v.Released {
			shown = append(shown, v.Name+" (released)")
		} else {
			shown = append(shown, v.Name)
		}
	}
	if len(shown) == 0 {
		n := note(diag.Warning, "Service %s.%s has no version %s, nor any other", e.Name, e.Namespace, version)
		n.Fix = "label the pods' template with " + e.report.Settings.VersionLabel + ": " + version
		return n
	}
	suggestion := ""
	if len(names) > fewNames {
		suggestion = didYouMean(Nearest(version, names))
	}
	return note(diag.Warning, "Service %s.%s has no version %s; it has %s%s", e.Name, e.Namespace, version, join(shown, "and"), suggestion)
}

// checkConditions returns why the parameters of m are not understood at a
// Service, whose table has rows only for conditions that it asks for.
func checkConditions(e *entry, m grammar.Member) *Note {
	for _, c := range []struct {
		condition, value string
		known            func() bool
	}{
		{"from", m.From, func() bool {
			return slices.ContainsFunc(e.report.Callers, func(c model.Caller) bool { return c.Name == m.From })
		}},
		{"method", m.Method, func() bool { return slices.Contains(e.report.Settings.Methods, m.Method) }},
	} {
		var n Note
		switch {
		case c.value == "":
			continue
		case !slices.Contains(e.report.Settings.Conditions, c.condition):
			n = note(diag.Warning, "Service %s.%s has no rows for %s=, so that the member is not followed there", e.Name, e.Namespace, c.condition)
			n.Fix = "annotate the Service with overrides.mesh/conditions: " + c.condition
		case !c.known():
			n = note(diag.Warning, "Service %s.%s has no row for %s=%s, so that the member is not followed there", e.Name, e.Namespace, c.condition, c.value)
			n.Fix = fmt.Sprintf("correct the name, or add it to overrides.mesh/%ss of the Service", map[string]string{"from": "caller", "method": "method"}[c.condition])
		default:
			continue
		}
		return &n
	}
	return nil
}

// unjoin returns the errors that err joins.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
