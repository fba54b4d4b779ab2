package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// ordinary adds the i-th of the user's routes for requests without a carrier.
func (b *builder) ordinary(i int) {
	r := &b.routes[i]
	matches := conjunctions(r.matches, b.withoutCarrier)
	if len(matches) == 0 {
		return
	}
	b.add(route.Route{
		Name: b.rowName(route.Ordinary, i), Kind: route.Ordinary, Matches: matches,
		Destinations: r.destinations, Base: r.base,
	})
}

// released adds the i-th of the user's routes for every request that is left.
func (b *builder) released(i int) {
	r := &b.routes[i]
	b.add(route.Route{
		Name: b.rowName(route.Released, i), Kind: route.Released, Matches: r.matches,
		Destinations: r.destinations, Base: r.base,
	})
}

// rowName keeps the name of the user's route, since rows of both kinds are that route.
func (b *builder) rowName(kind route.Kind, i int) string {
	if name := b.routes[i].name; name != "" {
		return name
	}
	return string(kind) + "." + b.table.Owner + b.label(i)
}

func (b *builder) add(r route.Route) {
	b.table.Routes = append(b.table.Routes, r)
}

// overrides adds the rows for all versions of the Services that the i-th of the user's
// routes leads to: those with more conditions first, then by condition and version, as
// strings compare; then the rows that answer strict members; then those of sets.
func (b *builder) overrides(i int) {
	targets := b.targets(i)
	for _, t := range targets {
		b.names = b.rowNamesOf(i, t)
		for _, c := range b.conditions(t) {
			for j := range t.versions {
				if v := &t.versions[j]; v.routable() {
					b.override(i, t, v, c)
				}
			}
		}
	}
	for _, t := range targets {
		b.names = b.rowNamesOf(i, t)
		for _, c := range b.conditions(t) {
			b.unavailable(i, t, c)
		}
	}
	b.sets(i, targets)
}

// condition is one combination of conditions that a Service has rows for.
type condition struct {
	grammar.Condition
	match  route.Match
	suffix string
	// caller is the workload that From names; namesake is set if another one of that name
	// comes before it.
	caller   model.Caller
	namesake bool
	// set is set for rows of sets, which know no conditions.
	set bool
}

// conditions lists the combinations that t has rows for, the empty one last.
func (b *builder) conditions(t *service) []condition {
	if len(t.settings.Conditions) == 0 || b.draft.attached != nil {
		return unconditional // a condition on the method would come before other rules of the user
	}
	froms, methods := b.froms(t), b.methods(t)
	if b.draft.gateway {
		froms = nil // those are of callers inside
	}
	var out []condition
	for _, f := range froms {
		for _, m := range methods {
			if match, ok := f.match.And(m.match); ok {
				c := f
				c.Condition, c.match, c.suffix = grammar.Condition{From: f.From, Method: m.Method}, match, f.suffix+m.suffix
				out = append(out, c)
			}
		}
	}
	return slices.Concat(out, froms, methods, unconditional)
}

// unconditional is the empty combination.
var unconditional = []condition{{}}

func (b *builder) froms(t *service) []condition {
	if !slices.Contains(t.settings.Conditions, "from") {
		return nil
	}
	var out []condition
	for _, caller := range callersOf(b.ix, t) {
		out = append(out, condition{
			Condition: grammar.Condition{From: caller.Name},
			match: route.Match{
				SourceLabels:    map[string]string{caller.Label: caller.Name},
				SourceNamespace: caller.Namespace,
			},
			suffix: fromPrefix + caller.Name, caller: caller,
			namesake: len(out) > 0 && out[len(out)-1].From == caller.Name,
		})
	}
	return out
}

// callersOf are the callers that a Service has rows for: the workloads of its namespace and
// those that its settings name, sorted by name and namespace.
func callersOf(ix *index, s *service) []model.Caller {
	out := slices.Clone(ix.callersIn(s.Namespace))
	for _, named := range s.settings.Callers {
		if named.Namespace == "" {
			named.Namespace = s.Namespace
		}
		if named.Label == "" {
			named.Label = callerLabel(ix, named)
		}
		out = append(out, named)
	}
	return sortedCallers(out)
}

// canonicalName is the label that Istio's injection puts on every pod.
const canonicalName = "service.istio.io/canonical-name"

// callerLabel returns the label by which the pods of a caller are known.
func callerLabel(ix *index, named model.Caller) string {
	for _, caller := range ix.callersIn(named.Namespace) {
		if caller.Name == named.Name {
			return caller.Label
		}
	}
	return canonicalName
}

func (b *builder) methods(t *service) []condition {
	if !slices.Contains(t.settings.Conditions, "method") {
		return nil
	}
	var out []condition
	for _, m := range slices.Compact(slices.Sorted(slices.Values(t.settings.Methods))) {
		out = append(out, condition{
			Condition: grammar.Condition{Method: m},
			match:     route.Match{Method: &route.StringMatch{Op: route.Exact, Value: m}},
			suffix:    methodPrefix + m,
		})
	}
	return out
}

// override adds the row that sends requests for v along the i-th route.
func (b *builder) override(i int, t *service, v *version, c condition) {
	destination, ok := b.destination(i, t, v)
	if !ok {
		return
	}
	matches := conjunctions(b.routes[i].matches, b.carriersOf(t, v, c))
	if len(matches) == 0 {
		return
	}
	b.add(route.Route{
		Name:         b.names.name(route.Override, v.name, &c),
		Kind:         route.Override,
		Matches:      matches,
		Version:      route.Version{Service: t.Name, Namespace: t.Namespace, Version: v.name},
		Set:          c.set,
		Destinations: []route.Destination{destination},
		Served:       t.settings.ServedHeader != nil && *t.settings.ServedHeader,
		Base:         b.routes[i].base,
	})
}

// carriersOf are the alternative carriers of a request for v.
func (b *builder) carriersOf(t *service, v *version, c condition) []route.Match {
	key := carrierKey{v, c.caller, c.Method, c.set}
	if out, known := b.carriers[key]; known {
		return out
	}
	named := grammar.Service{Name: t.Name, Namespace: t.Namespace}
	inHeader, inBaggage := named.Pattern(v.name, c.Condition), ""
	switch {
	case c.set:
		inHeader, inBaggage = named.SetPattern(v.name), named.BaggageSetPattern(v.name)
	case c.Condition == (grammar.Condition{}):
		inBaggage = named.BaggagePattern(v.name)
	}
	header := b.ix.options.Header
	out := make([]route.Match, 0, 2)
	if b.usable(t, header, inHeader) {
		out = append(out, c.carrier(header, inHeader))
	}
	if inBaggage != "" && b.usable(t, grammar.BaggageHeader, inBaggage) {
		out = append(out, c.carrier(grammar.BaggageHeader, inBaggage))
	}
	out = b.admitted(t, out)
	if len(b.routes) > 1 {
		if b.carriers == nil {
			b.carriers = map[carrierKey][]route.Match{}
		}
		b.carriers[key] = out
	}
	return out
}

func (c *condition) carrier(header, pattern string) route.Match {
	m := c.match
	m.Headers = route.Matchers{{Name: header, StringMatch: route.StringMatch{Op: route.Regex, Value: pattern}}}
	return m
}

// unavailable adds the row that answers strict members of t that no override row of the
// i-th route took.
func (b *builder) unavailable(i int, t *service, c condition) {
	judged := grammar.Judged{
		From:   slices.Contains(t.settings.Conditions, "from"),
		Method: slices.Contains(t.settings.Conditions, "method"),
	}
	header := b.ix.options.Header
	named := grammar.Service{Name: t.Name, Namespace: t.Namespace}
	if pattern := named.StrictPattern(judged, c.Condition); b.usable(t, header, pattern) {
		b.refuse(i, t, c, b.admitted(t, []route.Match{c.carrier(header, pattern)}))
	}
}

// refuse adds a row that answers requests with one of some carriers by 503.
func (b *builder) refuse(i int, t *service, c condition, carriers []route.Match) {
	matches := conjunctions(b.routes[i].matches, carriers)
	if len(matches) == 0 {
		return
	}
	b.add(route.Route{
		Name:    b.names.name(route.Unavailable, "", &c),
		Kind:    route.Unavailable,
		Matches: matches,
		Version: route.Version{Service: t.Name, Namespace: t.Namespace},
		Set:     c.set,
		Response: &route.Response{
			Status: 503,
			Body:   fmt.Sprintf("overrides: the requested version of %s.%s cannot serve this request, and the override is strict\n", t.Name, t.Namespace),
			Header: grammar.ErrorHeader,
			Value:  fmt.Sprintf("%s.%s: requested version unavailable", t.Name, t.Namespace),
		},
	})
}

// usable reports whether Istio accepts a pattern for a header, with a diagnostic if it does
// not. Patterns of package grammar are valid, but one of long names may be too long.
func (b *builder) usable(of *service, header, pattern string) bool {
	if len(pattern) <= grammar.MaxPatternBytes {
		return true
	}
	b.r.report(of.Service, diag.PatternInvalid, "a pattern for %s can't be used, and its route is left out: %d bytes, where Istio allows %d", header, len(pattern), grammar.MaxPatternBytes)
	return false
}

// conjunctions returns every combination of an alternative of a user's route with one of
// added that a request can match. A user's route without alternatives matches any request.
func conjunctions(users, added []route.Match) []route.Match {
	if len(users) == 0 {
		return added
	}
	out := make([]route.Match, 0, len(users)*len(added))
	for _, more := range added {
		for _, user := range users {
			if both, ok := user.And(more); ok {
				out = append(out, both)
			}
		}
	}
	return out
}

func sortedCallers(callers []model.Caller) []model.Caller {
	byKey := map[model.Caller]bool{}
	for _, c := range callers {
		c.NoSidecar = false // rows don't depend on it
		byKey[c] = true
	}
	return slices.SortedFunc(maps.Keys(byKey), compareCallers)
}
