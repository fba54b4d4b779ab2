package route_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/route"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	present := route.StringMatch{Op: route.Present}
	exact := func(v string) route.StringMatch { return route.StringMatch{Op: route.Exact, Value: v} }
	prefix := func(v string) route.StringMatch { return route.StringMatch{Op: route.Prefix, Value: v} }
	regex := func(v string) route.StringMatch { return route.StringMatch{Op: route.Regex, Value: v} }
	ptr := func(m route.StringMatch) *route.StringMatch { return &m }
	headers := func(m route.StringMatch) route.Match {
		return route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{"x": m})}
	}
	without := func(m route.StringMatch) route.Match {
		return route.Match{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{"x": m})}
	}
	query := func(m route.StringMatch) route.Match {
		return route.Match{QueryParams: route.NewMatchers(map[string]route.StringMatch{"q": m})}
	}
	x := func(values ...string) route.Request { return route.Request{Header: map[string][]string{"x": values}} }
	path := func(p string) route.Request { return route.Request{Path: p} }
	caller := func(namespace, app string) route.Request {
		return route.Request{Caller: route.Caller{Namespace: namespace, Labels: map[string]string{"app": app}}}
	}

	for name, test := range map[string]struct {
		match   route.Match
		request route.Request
		want    bool
	}{
		"nothing asked":                          {route.Match{}, route.Request{}, true},
		"header present":                         {headers(present), x(""), true},
		"header not present":                     {headers(present), route.Request{}, false},
		"header exact":                           {headers(exact("a")), x("a"), true},
		"header exact, other case":               {headers(exact("a")), x("A"), false},
		"header empty is not missing":            {headers(exact("")), route.Request{}, false},
		"lines are joined by a comma":            {headers(exact("a,b")), x("a", "b"), true},
		"header prefix":                          {headers(prefix("a")), x("ab"), true},
		"header regex is whole":                  {headers(regex("a")), x("ab"), false},
		"alternatives are anchored too":          {headers(regex("a|b")), x("ab"), false},
		"header regex that does not compile":     {headers(regex("(")), x("("), false},
		"no regex fits what is not UTF-8":        {headers(regex(".*")), x("a\xff"), false},
		"exact fits what is not UTF-8":           {headers(exact("a\xff")), x("a\xff"), true},
		"without: absent":                        {without(present), route.Request{}, true},
		"without: there":                         {without(present), x("a"), false},
		"without: other value":                   {without(exact("a")), x("b"), true},
		"without: missing counts as empty":       {without(regex(".*")), route.Request{}, false},
		"without: missing is not the value":      {without(exact("a")), route.Request{}, true},
		"pseudo header":                          {route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{":path": exact("/a?b")})}, path("/a?b"), true},
		"path exact without query":               {route.Match{URI: ptr(exact("/a"))}, path("/a?b=c"), true},
		"path prefix is no segment":              {route.Match{URI: ptr(prefix("/api"))}, path("/apiary"), true},
		"path case":                              {route.Match{URI: ptr(exact("/a"))}, path("/A"), false},
		"path case ignored":                      {route.Match{URI: ptr(exact("/a")), IgnoreURICase: true}, path("/A"), true},
		"path case is not ignored by regex":      {route.Match{URI: ptr(regex("/a")), IgnoreURICase: true}, path("/A"), false},
		"path {} is any":                         {route.Match{URI: ptr(present)}, path("/"), true},
		"query":                                  {query(exact("1")), path("/?q=1"), true},
		"query is not decoded":                   {query(exact("a b")), path("/?q=a%20b"), false},
		"query first value":                      {query(exact("2")), path("/?q=1&q=2"), false},
		"query missing":                          {query(present), path("/?p=1"), false},
		"method":                                 {route.Match{Method: ptr(exact("GET"))}, route.Request{Method: "POST"}, false},
		"port":                                   {route.Match{Port: 80}, route.Request{Port: 81}, false},
		"port left open":                         {route.Match{Port: 80}, route.Request{}, true},
		"source label":                           {route.Match{SourceLabels: map[string]string{"app": "a"}}, caller("n", "a"), true},
		"source label, other":                    {route.Match{SourceLabels: map[string]string{"app": "a"}}, caller("n", "b"), false},
		"source namespace, other":                {route.Match{SourceNamespace: "m"}, caller("n", "a"), false},
		"header names of requests are lowercase": {route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{"X": exact("a")})}, x("a"), true},
		"two spellings, both fit":                {route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{"X": prefix("st"), "x": regex(".*ing")})}, x("staging"), true},
		"two spellings, one fits":                {route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{"X": prefix("st"), "x": regex(".*ing")})}, x("stage"), false},
		"without: two spellings":                 {route.Match{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{"X": exact("a"), "x": exact("b")})}, x("a"), false},
		"without: neither of two":                {route.Match{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{"X": exact("a"), "x": exact("b")})}, x("c"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.match.Mismatch(&test.request); (got == nil) != test.want {
				t.Errorf("Mismatch = %v, want a match: %v", got, test.want)
			}
		})
	}
}

// TestAnd: a conjunction fits exactly the requests that fit both matches. If And returns
// false, no request fits both, or the conjunction has no representation: two patterns for
// one method, or more matchers of one header than its name has spellings.
func TestAnd(t *testing.T) {
	t.Parallel()
	values := []string{"", "a", "ab", "b"}
	stringMatch := rapid.Custom(func(t *rapid.T) route.StringMatch {
		op := rapid.SampledFrom([]route.Op{route.Present, route.Exact, route.Prefix, route.Regex}).Draw(t, "op")
		m := route.StringMatch{Op: op}
		if op != route.Present {
			m.Value = rapid.SampledFrom([]string{"a", "ab", "b", ".*", "a?"}).Draw(t, "value")
		}
		return m
	})
	matchers := rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"x-y", "X-Y", "x-Y", "z", "Z", "7"}), stringMatch, 0, 4), route.NewMatchers)
	match := rapid.Custom(func(t *rapid.T) route.Match {
		m := route.Match{
			Headers: matchers.Draw(t, "headers"), WithoutHeaders: matchers.Draw(t, "without"),
			Port:            uint32(rapid.SampledFrom([]int{0, 80, 81}).Draw(t, "port")),
			SourceNamespace: rapid.SampledFrom([]string{"", "n", "m"}).Draw(t, "ns"),
			SourceLabels:    rapid.MapOfN(rapid.Just("app"), rapid.SampledFrom([]string{"a", "b"}), 0, 1).Draw(t, "labels"),
		}
		if rapid.Bool().Draw(t, "hasMethod") {
			s := stringMatch.Draw(t, "method")
			m.Method = &s
		}
		return m
	})
	rapid.Check(t, func(t *rapid.T) {
		m, n := match.Draw(t, "m"), match.Draw(t, "n")
		both, ok := m.And(n)
		for range 20 {
			request := route.Request{
				Method: rapid.SampledFrom(values).Draw(t, "requestMethod"),
				Port:   uint32(rapid.SampledFrom([]int{80, 81}).Draw(t, "requestPort")),
				Header: map[string][]string{},
				Caller: route.Caller{
					Namespace: rapid.SampledFrom([]string{"n", "m"}).Draw(t, "callerNS"),
					Labels:    map[string]string{"app": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "callerApp")},
				},
			}
			for _, name := range []string{"x-y", "z", "7"} {
				if rapid.Bool().Draw(t, "has"+name) {
					request.Header[name] = []string{rapid.SampledFrom(values).Draw(t, name)}
				}
			}
			fits := m.Mismatch(&request) == nil && n.Mismatch(&request) == nil
			if ok && fits != (both.Mismatch(&request) == nil) {
				t.Fatalf("And fits %v, both fit %v\nrequest %+v\nand %+v", !fits, fits, request, both)
			}
			if !ok && fits && !unsayable(m, n) {
				t.Fatalf("And says that nothing fits both, but %+v does", request)
			}
		}
	})
}

// unsayable reports whether the conjunction of m and n may have no representation: both
// have patterns for the method, or a header has more matchers than its name has
// spellings.
func unsayable(m, n route.Match) bool {
	pattern := func(s *route.StringMatch) bool { return s != nil && s.Op == route.Regex }
	if m.Method != nil && n.Method != nil && (pattern(m.Method) || pattern(n.Method)) {
		return true
	}
	spellings := map[string]int{"x-y": 4, "z": 2, "7": 1}
	for _, lists := range [][2]route.Matchers{{m.Headers, n.Headers}, {m.WithoutHeaders, n.WithoutHeaders}} {
		asked := map[string]int{}
		for _, list := range lists {
			for _, m := range list {
				asked[strings.ToLower(m.Name)]++
			}
		}
		for name, times := range asked {
			if times > spellings[name] {
				return true
			}
		}
	}
	return false
}

// TestAndOfOneHeader: the matchers that are kept for one header, and the spelling of its
// name.
func TestAndOfOneHeader(t *testing.T) {
	t.Parallel()
	type matchers = map[string]route.StringMatch
	regex := func(v string) route.StringMatch { return route.StringMatch{Op: route.Regex, Value: v} }
	prefix := func(v string) route.StringMatch { return route.StringMatch{Op: route.Prefix, Value: v} }
	present := route.StringMatch{Op: route.Present}
	for name, test := range map[string]struct {
		a, b   matchers
		want   matchers // nil where And is false
		absent matchers // the same for WithoutHeaders
	}{
		"other headers": {
			matchers{"a": present},
			matchers{"b": present},
			matchers{"a": present, "b": present},
			matchers{"a": present, "b": present},
		},
		"the same": {
			matchers{"Baggage": regex("x")},
			matchers{"baggage": regex("x")},
			matchers{"Baggage": regex("x")},
			matchers{"Baggage": regex("x")},
		},
		"one implies the other": {
			matchers{"x": prefix("a")},
			matchers{"X": prefix("ab")},
			matchers{"x": prefix("ab")},
			matchers{"x": prefix("a"), "X": prefix("ab")},
		},
		"two patterns": {
			matchers{"baggage": regex("a")},
			matchers{"baggage": regex("b")},
			matchers{"baggage": regex("a"), "Baggage": regex("b")},
			matchers{"baggage": regex("a"), "Baggage": regex("b")},
		},
		"the parts of a name": {
			matchers{"x-env": regex("a")},
			matchers{"x-env": regex("b")},
			matchers{"x-env": regex("a"), "X-Env": regex("b")},
			matchers{"x-env": regex("a"), "X-Env": regex("b")},
		},
		"a third one": {
			matchers{"x-env": regex("a"), "X-Env": regex("b")},
			matchers{"x-env": regex("c")},
			matchers{"x-env": regex("a"), "X-Env": regex("b"), "X-env": regex("c")},
			matchers{"x-env": regex("a"), "X-Env": regex("b"), "X-env": regex("c")},
		},
		"no spelling left": {matchers{"x": regex("a"), "X": regex("b")}, matchers{"x": regex("c")}, nil, nil},
		"no letters":       {matchers{"7": regex("a")}, matchers{"7": regex("b")}, nil, nil},
		"a pseudo-header":  {matchers{":path": regex("a")}, matchers{":path": regex("b")}, nil, nil},
		"nothing fits":     {matchers{"x": {Op: route.Exact, Value: "a"}}, matchers{"X": prefix("b")}, nil, matchers{"x": {Op: route.Exact, Value: "a"}, "X": prefix("b")}},
		"absent and present": {
			matchers{"x": present},
			matchers{"X": regex("a*")},
			matchers{"x": regex("a*")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(what string, want matchers, got route.Matchers, ok bool) {
				switch {
				case ok != (want != nil):
					t.Errorf("%s: And is %v", what, ok)
				case ok && !slices.Equal(route.NewMatchers(want), got):
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
			a, b := route.NewMatchers(test.a), route.NewMatchers(test.b)
			got, ok := route.Match{Headers: a}.And(route.Match{Headers: b})
			check("headers", test.want, got.Headers, ok)
			got, ok = route.Match{WithoutHeaders: a}.And(route.Match{WithoutHeaders: b})
			check("withoutHeaders", test.absent, got.WithoutHeaders, ok)
			if !slices.Equal(a, route.NewMatchers(test.a)) {
				t.Errorf("And changed its input to %v", a)
			}
		})
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	present := route.StringMatch{Op: route.Present}
	got := route.Fold(route.NewMatchers(map[string]route.StringMatch{"X-User": present, "X-Env": present, "x-env": present}))
	want := route.NewMatchers(map[string]route.StringMatch{"x-user": present, "X-Env": present, "x-env": present})
	if !slices.Equal(got, want) {
		t.Errorf("Fold: %v, want %v", got, want)
	}
	m := route.Match{WithoutHeaders: got}
	if !m.Mentions("x-user") || !m.Mentions("X-ENV") || m.Mentions("x") {
		t.Error("Mentions is wrong")
	}
}

func TestEvaluateTakesTheFirstThatFits(t *testing.T) {
	t.Parallel()
	header := func(value string) []route.Match {
		return []route.Match{
			{Headers: route.NewMatchers(map[string]route.StringMatch{"y": {Op: route.Exact, Value: value}})},
			{Headers: route.NewMatchers(map[string]route.StringMatch{"x": {Op: route.Exact, Value: value}})},
		}
	}
	table := route.Table{Routes: []route.Route{{Matches: header("a")}, {Matches: header("b")}, {}}}
	for value, want := range map[string][2]int{"a": {0, 1}, "b": {1, 1}, "c": {2, -1}} {
		got := route.Evaluate(&table, &route.Request{Header: map[string][]string{"x": {value}}})
		if got.Route != want[0] || got.Match != want[1] {
			t.Errorf("x: %s takes route %d match %d, want %v", value, got.Route, got.Match, want)
		}
		if len(got.Steps) != want[0]+1 {
			t.Errorf("x: %s: %d steps, want one for each route up to the one taken", value, len(got.Steps))
		}
	}
	nothing := route.Table{Routes: table.Routes[:2]}
	if got := route.Evaluate(&nothing, &route.Request{}); got.Route != -1 || len(got.Steps) != 2 {
		t.Errorf("no route fits: got %+v", got)
	}
}
