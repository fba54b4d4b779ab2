package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// An HTTPRoute has 16 rules of 8 matches, as the definition of every version allows. A rule
// with a filter that replaces the prefix it matched has one match.
const (
	maxRules   = 16
	maxMatches = 8
)

// packer divides the rows for one HTTPRoute of a user's between tables.
type packer struct {
	*attacher

	of     *model.HTTPRoute
	byName map[string]*packed
}

// packed is rows that belong together.
type packed struct {
	// at finds a row by what it does, and the user's rule that it is for.
	at   map[string]int
	rows []route.Route
	// single has the rows that may have one match only.
	single []bool
}

// add adds the rows of a match of the i-th rule.
func (p *packer) add(i int, u *rankedRule) {
	for _, r := range u.rows {
		name := p.of.Name
		if v := p.versionOf(&r); v != nil && v.isolated != nil {
			name += "." + v.isolated.versionName(p.of)
		}
		if p.byName[name] == nil {
			p.byName[name] = &packed{at: map[string]int{}}
		}
		p.byName[name].add(i, &r, u.Rule.Rewrites && r.Rule != nil, len(p.of.Rules) > 1)
	}
}

// versionOf returns the version that a row leads to; nil for rows of no version.
func (p *packer) versionOf(r *route.Route) *version {
	s := p.services.byHost[p.ix.options.FQDN(r.Version.Service, r.Version.Namespace)]
	if s == nil || r.Kind != route.Override {
		return nil
	}
	at := slices.IndexFunc(s.versions, func(v version) bool { return v.name == r.Version.Version })
	return &s.versions[at]
}

// add adds a row for the i-th rule. Rows that do the same become one rule.
func (g *packed) add(i int, r *route.Route, single, numbered bool) {
	key := fmt.Sprint(i, r.Kind, r.Version)
	if at, known := g.at[key]; known {
		g.rows[at].Matches = append(g.rows[at].Matches, r.Matches...)
		return
	}
	row := *r
	row.Set, row.Matches = false, slices.Clone(r.Matches)
	if numbered {
		row.Name += fmt.Sprintf("#%d", i+1)
	}
	g.at[key] = len(g.rows)
	g.rows, g.single = append(g.rows, row), append(g.single, single)
}

// rules divides rows that have more matches than a rule may have.
func (g *packed) rules() []route.Route {
	var out []route.Route
	for i, r := range g.rows {
		most := maxMatches
		if g.single[i] {
			most = 1
		}
		n := 0
		for part := range slices.Chunk(r.Matches, most) {
			one := r
			one.Matches = part
			if n++; n > 1 {
				one.Name = fmt.Sprintf("%s+%d", r.Name, n)
			}
			out = append(out, one)
		}
	}
	return out
}

// tables makes the tables:
//
//	of            version's Service   is called
//	HTTPRoute     none                HTTPRoute-overrides
//	HTTPRoute     SERVICE             HTTPRoute.SERVICE-overrides
//	… with more than 16 rules         HTTPRoute.SERVICE.2-overrides
func (p *packer) tables() []route.Table {
	var out []route.Table
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		n := 0
		for part := range slices.Chunk(p.byName[name].rules(), maxRules) {
			t := route.Table{
				Namespace: p.of.Namespace, Name: name, Owner: p.of.Name, Adopted: []string{p.of.Namespace + "/" + p.of.Name}, Attached: p.attached[p.of], Routes: part,
			}
			if p.tokens[p.of] {
				t.Grants = p.grants
			}
			if n++; n > 1 {
				t.Name = fmt.Sprintf("%s.%d", name, n)
			}
			out = append(out, t)
		}
	}
	return out
}
