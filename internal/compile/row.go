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

// builder adds rows to the table of a draft.
type builder struct {
	*compiler
	draft *draft
	// names are those of the rows that are being added.
	names rowNames
	// carriers are what requests for a version carry, where several routes ask for it.
	carriers map[carrierKey][]route.Match
}

type carrierKey struct {
	of     *version
	caller model.Caller
	method string
}

// shape tells patterns apart by more than the names that are quoted in them: the
// conditions of the row, and of a strict one also those that its Service has.
type shape struct {
	header       string
	from, method bool
	strict       bool
	judged       grammar.Judged
}

func (c *condition) shape(header string) shape {
	return shape{header: header, from: c.From != "", method: c.Method != ""}
}

// ordinary adds the i-th of the user's routes for requests without a carrier.
func (b *builder) ordinary(i int) {
	r := &b.draft.routes[i]
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
	r := &b.draft.routes[i]
	b.add(route.Route{
		Name: b.rowName(route.Released, i), Kind: route.Released, Matches: r.matches,
		Destinations: r.destinations, Base: r.base,
	})
}

// rowName keeps the name that the user gave a route, since rows of both kinds
// are that route.
func (b *builder) rowName(kind route.Kind, i int) string {
	if name := b.draft.routes[i].name; name != "" {
		return name
	}
	return string(kind) + "." + b.draft.table.Owner + b.draft.label(i)
}

func (b *builder) add(r route.Route) {
	b.draft.table.Routes = append(b.draft.table.Routes, r)
}

// overrides adds the rows for all versions of the Services that the i-th of the
// user's routes leads to: those with more conditions first, then by condition
// and version, as strings compare; after them those that answer strict members.
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
}

// condition is one combination of conditions that a Service has rows for.
type condition struct {
	grammar.Condition
	match  route.Match
	suffix string
	// caller is the workload that From names; namesake is set where another one
	// of that name comes before it.
	caller   model.Caller
	namesake bool
}

// conditions lists the combinations that t has rows for, the one without any last.
func (b *builder) conditions(t *service) []condition {
	if len(t.settings.Conditions) == 0 {
		return unconditional
	}
	froms, methods := b.froms(t), b.methods(t)
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

// unconditional is the combination that asks for nothing.
var unconditional = []condition{{}}

func (b *builder) froms(t *service) []condition {
	if !slices.Contains(t.settings.Conditions, "from") {
		return nil
	}
	var out []condition
	for _, caller := range b.callers(t) {
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

// callers are the workloads of the Service's namespace and those that its
// settings name, sorted by name and namespace.
func (c *compiler) callers(t *service) []model.Caller {
	var out []model.Caller
	for _, caller := range c.snapshot.Callers {
		if caller.Namespace == t.Namespace {
			out = append(out, caller)
		}
	}
	for _, named := range t.settings.Callers {
		if named.Namespace == "" {
			named.Namespace = t.Namespace
		}
		if named.Label == "" {
			named.Label = c.callerLabel(named)
		}
		out = append(out, named)
	}
	return sortedCallers(out)
}

// canonicalName is the label that Istio's injection puts on every pod.
const canonicalName = "service.istio.io/canonical-name"

func (c *compiler) callerLabel(named model.Caller) string {
	for _, caller := range c.snapshot.Callers {
		if caller.Namespace == named.Namespace && caller.Name == named.Name {
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

// override adds the row on which requests for v leave by the i-th route.
func (b *builder) override(i int, t *service, v *version, c condition) {
	destination, ok := b.destination(i, t, v)
	if !ok {
		return
	}
	matches := conjunctions(b.draft.routes[i].matches, b.carriersOf(t, v, c))
	if len(matches) == 0 {
		return
	}
	b.add(route.Route{
		Name:         b.names.name(route.Override, v.name, &c),
		Kind:         route.Override,
		Matches:      matches,
		Version:      route.Version{Service: t.Name, Namespace: t.Namespace, Version: v.name},
		Destinations: []route.Destination{destination},
		Base:         b.draft.routes[i].base,
	})
}

// carriersOf are the alternatives of what a request for v carries.
func (b *builder) carriersOf(t *service, v *version, c condition) []route.Match {
	key := carrierKey{v, c.caller, c.Method}
	if out, known := b.carriers[key]; known {
		return out
	}
	named := grammar.Service{Name: t.Name, Namespace: t.Namespace}
	out := make([]route.Match, 0, 2)
	if pattern := named.Pattern(v.name, c.Condition); b.usable(t, c.shape(b.options.Header), pattern) {
		out = append(out, c.carrier(b.options.Header, pattern))
	}
	if c.Condition == (grammar.Condition{}) {
		if pattern := named.BaggagePattern(v.name); b.usable(t, c.shape(grammar.BaggageHeader), pattern) {
			out = append(out, c.carrier(grammar.BaggageHeader, pattern))
		}
	}
	if len(b.draft.routes) > 1 {
		if b.carriers == nil {
			b.carriers = map[carrierKey][]route.Match{}
		}
		b.carriers[key] = out
	}
	return out
}

func (c *condition) carrier(header, pattern string) route.Match {
	m := c.match
	m.Headers = map[string]route.StringMatch{header: {Op: route.Regex, Value: pattern}}
	return m
}

// unavailable adds the row that answers strict members of t which no override
// row of the i-th route took.
func (b *builder) unavailable(i int, t *service, c condition) {
	judged := grammar.Judged{
		From:   slices.Contains(t.settings.Conditions, "from"),
		Method: slices.Contains(t.settings.Conditions, "method"),
	}
	shape := c.shape(b.options.Header)
	shape.strict, shape.judged = true, judged
	named := grammar.Service{Name: t.Name, Namespace: t.Namespace}
	pattern := named.StrictPattern(judged, c.Condition)
	if !b.usable(t, shape, pattern) {
		return
	}
	matches := conjunctions(b.draft.routes[i].matches, []route.Match{c.carrier(b.options.Header, pattern)})
	if len(matches) == 0 {
		return
	}
	b.add(route.Route{
		Name:    b.names.name(route.Unavailable, "", &c),
		Kind:    route.Unavailable,
		Matches: matches,
		Version: route.Version{Service: t.Name, Namespace: t.Namespace},
		Response: &route.Response{
			Status: 503,
			Body:   fmt.Sprintf("overrides: the requested version of %s.%s cannot serve this request, and the override is strict\n", t.Name, t.Namespace),
			Header: grammar.ErrorHeader,
			Value:  fmt.Sprintf("%s.%s: requested version unavailable", t.Name, t.Namespace),
		},
	})
}

// usable reports whether Istio would take a pattern for a header, and says why not. That
// a pattern compiles is checked for one of each shape, for all Services: the others
// differ from it in quoted text only.
func (b *builder) usable(of *service, shape shape, pattern string) bool {
	err := error(nil)
	switch {
	case len(pattern) > grammar.MaxPatternBytes:
		err = fmt.Errorf("%d bytes, where Istio allows %d", len(pattern), grammar.MaxPatternBytes)
	case !b.checked[shape]:
		err = grammar.CheckPattern(pattern)
		b.checked[shape] = err == nil
	}
	if err != nil {
		b.say(of, diag.PatternInvalid, "a pattern for %s can't be used, and its route is left out: %v", shape.header, err)
	}
	return err == nil
}

// conjunctions returns every combination of an alternative of the user's with
// one of ours that a request can fit. No alternative of the user's means any
// request.
func conjunctions(users, ours []route.Match) []route.Match {
	if len(users) == 0 {
		return ours
	}
	out := make([]route.Match, 0, len(users)*len(ours))
	for _, mine := range ours {
		for _, theirs := range users {
			if both, ok := theirs.And(mine); ok {
				out = append(out, both)
			}
		}
	}
	return out
}

func sortedCallers(callers []model.Caller) []model.Caller {
	byKey := map[model.Caller]bool{}
	for _, c := range callers {
		c.NoSidecar = false // of no meaning for a row
		byKey[c] = true
	}
	return slices.SortedFunc(maps.Keys(byKey), compareCallers)
}
