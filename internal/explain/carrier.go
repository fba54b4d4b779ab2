package explain

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// carried holds the members in the carriers of a request.
type carried struct {
	header, baggage []grammar.Member
	// merged is set if rows for members of a Service are also those for sets.
	merged bool
}

// at returns c for the rows of a caller: a Kubernetes Gateway has one for members and for sets.
func (c *carried) at(from *caller) *carried {
	out := *c
	out.merged = from.kubernetes != (diag.Object{})
	return &out
}

// asking lists the members that ask for the version of a row, by the name of its Service or
// as a set, as the row requires.
func (c *carried) asking(r *route.Route) []grammar.Member {
	var out []grammar.Member
	for _, m := range slices.Concat(c.header, c.baggage) {
		if c.isFor(m, r) && (m.Namespace == "" || m.Namespace == r.Version.Namespace) && m.Version == r.Version.Version {
			out = append(out, m)
		}
	}
	return out
}

// strict reports whether a strict member is one that a row is for.
func (c *carried) strict(r *route.Route) bool {
	return slices.ContainsFunc(c.header, func(m grammar.Member) bool { return m.Strict && c.isFor(m, r) })
}

// isFor reports whether a member names the Service that a row is for, or all.
func (c *carried) isFor(m grammar.Member, r *route.Route) bool {
	return m.Service == rowService(r) || c.merged && m.IsSet()
}

// about lists the members that are for a Service of a name: by this name, or as a set.
func (c *carried) about(service string) []grammar.Member {
	return slices.DeleteFunc(slices.Concat(c.header, c.baggage), func(m grammar.Member) bool { return !m.IsSet() && m.Service != service })
}

// rowService is the Service in members that a row is for.
func rowService(r *route.Route) string {
	if r.Set {
		return grammar.SetName
	}
	return r.Version.Service
}

// noteNone notes that a request carries no override, if nothing else says so.
func (x *index) noteNone(c *carried, notes []Note, a *Arrival) []Note {
	if len(c.header)+len(c.baggage)+len(notes) > 0 || a != nil && len(a.Says) > 0 {
		return notes
	}
	return []Note{note(diag.Info, "the request carries no override: neither %s nor %s asks for a version", x.snapshot.Options.Header, grammar.BaggageHeader)}
}

// readCarriers parses the carriers. It notes errors in them, and members that can have no
// effect.
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
	notes = slices.Concat(notes, x.misnamed(header), CheckCarriers(header, name))
	return &c, append(notes, x.checkMembers(slices.Concat(c.header, c.baggage))...)
}

// CheckCarriers notes misleading parts of well-formed carriers: parameters in baggage,
// and members of one carrier that contradict those of the other. name is the name of the
// override header; the headers' names are in lower case.
func CheckCarriers(header map[string][]string, name string) []Note {
	var out []Note
	for _, e := range grammar.IgnoredParameters(header[grammar.BaggageHeader]...) {
		n := note(diag.Warning, "%s: %v", grammar.BaggageHeader, e)
		n.Fix = "write the member into " + name + ", which has parameters"
		out = append(out, n)
	}
	members, _ := grammar.Parse(header[name]...)
	baggage, _ := grammar.ParseBaggage(header[grammar.BaggageHeader]...)
	for _, c := range grammar.Contradictions(members, baggage) {
		n := note(diag.Warning, "%s asks for %s, and %s for %s: the order of the routes decides which of them is followed", name, c.Header, grammar.BaggageHeader, c.Baggage)
		n.Fix = "remove one of them"
		out = append(out, n)
	}
	return out
}

// misnamed notes headers that are most likely meant to be carriers: "x-overide: …", or
// "service-3: v2" without the name.
func (x *index) misnamed(header map[string][]string) []Note {
	carriers := []string{x.snapshot.Options.Header, grammar.BaggageHeader}
	var out []Note
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if slices.Contains(carriers, name) {
			continue
		}
		value := strings.Join(header[name], ", ")
		meant := ""
		switch near := Nearest(name, carriers); {
		case near == x.snapshot.Options.Header && wellFormed(grammar.Parse(value)),
			near == grammar.BaggageHeader && wellFormed(grammar.ParseBaggage(value)):
			meant = near + ": " + value
		case x.isMember(name + ":" + value):
			meant = x.snapshot.Options.Header + ": " + name + ":" + value
		default:
			continue
		}
		out = append(out, note(diag.Warning, "header %s carries no override; did you mean '%s'?", name, meant))
	}
	return out
}

// isMember reports whether text is a list of members, the first of which names a Service.
func (x *index) isMember(text string) bool {
	members, err := grammar.Parse(text)
	return wellFormed(members, err) && x.byName[members[0].Service] != nil
}

func wellFormed(members []grammar.Member, err error) bool { return err == nil && len(members) > 0 }
