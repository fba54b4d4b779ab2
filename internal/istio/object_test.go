package istio_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/internal/valid"
)

const host = "web.shop.svc.cluster.local"

func table(name string, routes ...route.Route) route.Table {
	return route.Table{Namespace: "shop", Name: name, Owner: "web", Hosts: []string{host}, Routes: routes}
}

func to(subset string) route.Route {
	return route.Route{Name: "r", Destinations: []route.Destination{{Host: host, Subset: subset}}}
}

func rule(subsets ...route.Subset) route.SubsetRule {
	return route.SubsetRule{Namespace: "shop", Name: "b", Owner: "web", Host: host, Subsets: subsets}
}

// TestObjectsLeavesOut: an object that would be refused is not written, nor are objects
// that need it.
func TestObjectsLeavesOut(t *testing.T) {
	t.Parallel()
	v1 := route.Subset{Name: "v1", Labels: map[string]string{"version": "v1"}}
	bad := route.Subset{Name: "V_1"}
	mirrored := route.Route{
		Name: "m", Destinations: []route.Destination{{Host: host}},
		Base: &istioapi.HTTPRoute{Mirror: &istioapi.Destination{Host: host, Subset: "v1"}},
	}
	long := route.Match{Headers: route.NewMatchers(map[string]route.StringMatch{"x": {Op: route.Regex, Value: strings.Repeat("a", 1025)}})}
	for name, test := range map[string]struct {
		tables []route.Table
		rules  []route.SubsetRule
		want   []string
		diags  []string
	}{
		"fine": {
			[]route.Table{table("a", to("v1"))},
			[]route.SubsetRule{rule(v1)},
			[]string{"DestinationRule shop/b", "VirtualService shop/a"},
			nil,
		},
		"a VirtualService": {
			[]route.Table{table("a", to("v1")), table("c", route.Route{Name: "r", Matches: []route.Match{long}, Destinations: to("").Destinations})},
			[]route.SubsetRule{rule(v1)},
			[]string{"DestinationRule shop/b", "VirtualService shop/a"},
			[]string{"VirtualService shop/c: it would be refused: http[0].match[0].headers[x]: the regular expression has 1025 bytes, but only 1024 are allowed"},
		},
		"a DestinationRule, and what names its subsets": {
			[]route.Table{table("a", to("v1")), table("c", to("")), table("d", mirrored)},
			[]route.SubsetRule{rule(v1, bad, bad)},
			[]string{"VirtualService shop/c"},
			[]string{`DestinationRule shop/b: it would be refused: subsets[1].name: "V_1" is not a subset name (and 2 more)`},
		},
		"two of one name": {
			[]route.Table{table("a", to("v1")), table("a", to("")), table("a", to("v2")), table("c", to("v1"))},
			[]route.SubsetRule{rule(v1)},
			[]string{"DestinationRule shop/b", "VirtualService shop/c"},
			[]string{"VirtualService shop/a: two objects would have this name"},
		},
		"a name": {
			[]route.Table{table("a-", to(""))},
			nil, nil,
			[]string{`VirtualService shop/a-: it would be refused: metadata.name: "a-" is not an object name`},
		},
		"too large": {
			[]route.Table{table("a", route.Route{Name: strings.Repeat("x", istio.MaxObjectBytes), Destinations: to("").Destinations})},
			nil, nil,
			[]string{"VirtualService shop/a: it would be 1300364 bytes, more than 1300000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, diags, err := istio.Objects(test.tables, test.rules)
			if err != nil {
				t.Fatal(err)
			}
			var got, said []string
			for _, o := range objects {
				got = append(got, o.String())
			}
			for _, d := range diags {
				said = append(said, d.Object.String()+": "+d.Message)
				if d.Severity != diag.Error {
					t.Errorf("%v is no error", d)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.diags, said); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNumbers: a number is printed as a number in JSON, and in YAML as an integer if it
// is one.
func TestNumbers(t *testing.T) {
	t.Parallel()
	hash := &istioapi.LoadBalancerSettings_ConsistentHashLB{
		MinimumRingSize: math.MaxUint64, //nolint:staticcheck // deprecated, and still copied
		HashKey:         &istioapi.LoadBalancerSettings_ConsistentHashLB_UseSourceIp{UseSourceIp: true},
	}
	maglev := &istioapi.LoadBalancerSettings_ConsistentHashLB{
		HashAlgorithm: &istioapi.LoadBalancerSettings_ConsistentHashLB_Maglev{Maglev: &istioapi.LoadBalancerSettings_ConsistentHashLB_MagLev{TableSize: 1_000_003}},
	}
	ring := &istioapi.LoadBalancerSettings_ConsistentHashLB{
		HashAlgorithm: &istioapi.LoadBalancerSettings_ConsistentHashLB_RingHash_{RingHash: &istioapi.LoadBalancerSettings_ConsistentHashLB_RingHash{MinimumRingSize: 1024}},
	}
	policy := func(h *istioapi.LoadBalancerSettings_ConsistentHashLB) *istioapi.TrafficPolicy {
		return &istioapi.TrafficPolicy{LoadBalancer: &istioapi.LoadBalancerSettings{LbPolicy: &istioapi.LoadBalancerSettings_ConsistentHash{ConsistentHash: h}}}
	}
	r := rule(
		route.Subset{Name: "a", Labels: map[string]string{"tableSize": "5", "consistentHash": "6"}, Policy: policy(hash)},
		route.Subset{Name: "b", Policy: policy(maglev)}, route.Subset{Name: "c", Policy: policy(ring)},
	)
	r.Policy = &istioapi.TrafficPolicy{ConnectionPool: &istioapi.ConnectionPoolSettings{Http: &istioapi.ConnectionPoolSettings_HTTPSettings{Http2MaxRequests: 1_000_000}}}
	share := route.Route{
		Name: "r", Destinations: to("").Destinations,
		Base: &istioapi.HTTPRoute{Fault: &istioapi.HTTPFaultInjection{Delay: &istioapi.HTTPFaultInjection_Delay{Percentage: &istioapi.Percent{Value: 0.5}}}},
	}
	objects, diags, err := istio.Objects([]route.Table{table("a", share)}, []route.SubsetRule{r})
	if err != nil || len(diags) > 0 || len(objects) != 2 {
		t.Fatalf("%v: %v", err, diags)
	}
	for i, wants := range [][]string{
		{`"http2MaxRequests":1000000`, `"minimumRingSize":18446744073709551615`, `"tableSize":1000003`, `"minimumRingSize":1024`, `"tableSize":"5"`, `"consistentHash":"6"`},
		{`"value":0.5`},
	} {
		for _, want := range wants {
			if !strings.Contains(string(objects[i].JSON), want) {
				t.Errorf("the JSON has no %s:\n%s", want, objects[i].JSON)
			}
		}
		yaml, err := objects[i].YAML()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			text := strings.NewReplacer(`"`, "", ":", ": ").Replace(want)
			if strings.HasSuffix(want, `"`) { // a string of digits stays a string
				text = strings.Replace(strings.Replace(want, `"`, "", 2), ":", ": ", 1)
			}
			if !strings.Contains(string(yaml), text+"\n") {
				t.Errorf("the YAML has no %q:\n%s", text, yaml)
			}
		}
	}
}

// TestOwnerValue: the value is a valid label value, and distinguishes owners.
func TestOwnerValue(t *testing.T) {
	t.Parallel()
	values := map[string]bool{}
	owners := []string{
		"web", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 62) + "-canary-routes",
		strings.Repeat("a", 52) + "-----------b", strings.Repeat("a.", 100) + "b", strings.Repeat("a.", 100) + "c",
	}
	for _, owner := range owners {
		tables := []route.Table{table("a", to(""))}
		tables[0].Owner = owner
		objects, diags, err := istio.Objects(tables, nil)
		if err != nil || len(diags) > 0 || len(objects) != 1 {
			t.Errorf("%s: %v %v", owner, err, diags)
		}
		var object struct {
			Metadata struct {
				Labels map[string]string
			}
		}
		if err := json.Unmarshal(objects[0].JSON, &object); err != nil {
			t.Fatal(err)
		}
		value := object.Metadata.Labels[istio.OwnerLabel]
		if values[value] || value != istio.OwnerValue(owner) || (len(owner) <= 63 && value != owner) {
			t.Errorf("owner %s has label %q", owner, value)
		}
		values[value] = true
	}
}

// large returns the tables of many Services, each with ten versions.
func large(services int) []route.Table {
	out := make([]route.Table, 0, services)
	for i := range services {
		s := grammar.Service{Name: fmt.Sprintf("service-%d", i), Namespace: "shop"}
		t := table(s.Name, route.Route{Name: "ordinary", Matches: []route.Match{{WithoutHeaders: route.NewMatchers(map[string]route.StringMatch{
			"x-override": {Op: route.Present}, "baggage": {Op: route.Regex, Value: grammar.AnyBaggagePattern},
		})}}, Destinations: to("overrides-released").Destinations})
		for v := range 10 {
			version := fmt.Sprintf("v%d", v)
			t.Routes = append(t.Routes, route.Route{Name: "override." + version, Matches: []route.Match{
				{Headers: route.NewMatchers(map[string]route.StringMatch{"x-override": {Op: route.Regex, Value: s.Pattern(version, grammar.Condition{})}})},
				{Headers: route.NewMatchers(map[string]route.StringMatch{"baggage": {Op: route.Regex, Value: s.BaggagePattern(version)}})},
			}, Destinations: to("override-" + version).Destinations})
		}
		t.Routes = append(t.Routes, route.Route{
			Name: "unavailable", Matches: []route.Match{{Headers: route.NewMatchers(map[string]route.StringMatch{
				"x-override": {Op: route.Regex, Value: s.StrictPattern(grammar.Judged{}, grammar.Condition{})},
			})}},
			Response: &route.Response{Status: 503, Body: "sorry", Header: "x-override-error", Value: "unavailable"},
		}, to("overrides-released"))
		out = append(out, t)
	}
	return out
}

// BenchmarkRules measures the checks in Objects, for 1,000 Services of 10 versions.
func BenchmarkRules(b *testing.B) {
	tables := large(1000)
	specs := make([]*istioapi.VirtualService, 0, len(tables))
	for i := range tables {
		specs = append(specs, &istio.VirtualService(&tables[i]).Spec)
	}
	meta := istio.VirtualService(&tables[0]).ObjectMeta
	b.ReportAllocs()
	for b.Loop() {
		var c valid.Checker
		for _, spec := range specs {
			if problems := append(valid.Metadata(&meta), c.VirtualService(spec, "shop")...); len(problems) > 0 {
				b.Fatal(problems)
			}
		}
	}
}

func BenchmarkObjects(b *testing.B) {
	tables := large(1000)
	for b.Loop() {
		if _, _, err := istio.Objects(tables, nil); err != nil {
			b.Fatal(err)
		}
	}
}
