package valid_test

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"
	istiotype "istio.io/api/type/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/valid"
)

// TestRules checks the specifications of testdata/rules.txtar. The module test/istio
// checks the same file with Istio's own validation.
func TestRules(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/rules.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			data, err := yaml.YAMLToJSON(file.Data)
			if err != nil {
				t.Fatal(err)
			}
			var problems []valid.Problem
			if kind, _, _ := strings.Cut(file.Name, "/"); kind == "VirtualService" {
				spec := &istioapi.VirtualService{}
				if err := spec.UnmarshalJSON(data); err != nil {
					t.Fatal(err)
				}
				problems = valid.VirtualService(spec, "shop")
			} else {
				spec := &istioapi.DestinationRule{}
				if err := spec.UnmarshalJSON(data); err != nil {
					t.Fatal(err)
				}
				problems = valid.DestinationRule(spec, "shop")
			}
			var got, want []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			for line := range strings.Lines(string(file.Data)) {
				if text, ok := strings.CutPrefix(line, "# "); ok {
					want = append(want, strings.TrimSuffix(text, "\n"))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoJSON tests messages that no manifest can express.
func TestNoJSON(t *testing.T) {
	t.Parallel()
	route := func(change func(*istioapi.HTTPRoute)) []valid.Problem {
		r := &istioapi.HTTPRoute{Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "web"}}}}
		change(r)
		return valid.VirtualService(&istioapi.VirtualService{Hosts: []string{"web"}, Http: []*istioapi.HTTPRoute{r}}, "shop")
	}
	policy := func(p *istioapi.TrafficPolicy) []valid.Problem {
		return valid.DestinationRule(&istioapi.DestinationRule{Host: "web", TrafficPolicy: p}, "shop")
	}
	many := map[string]string{}
	for i := range 4097 {
		many["l"+strconv.Itoa(i)] = "x"
	}
	large := strings.Repeat("x", 1<<20+1)
	for name, test := range map[string]struct {
		got  []valid.Problem
		want string
	}{
		"a route that is null": {
			valid.VirtualService(&istioapi.VirtualService{Hosts: []string{"web"}, Http: []*istioapi.HTTPRoute{nil}}, ""), "http[0]: it must not be null",
		},
		"a destination that is null": {route(func(r *istioapi.HTTPRoute) { r.Route[0].Weight, r.Route = 1, append(r.Route, nil) }), "http[0].route[1]: it must not be null"},
		"a match that is null": {
			route(func(r *istioapi.HTTPRoute) {
				r.Match = []*istioapi.HTTPMatchRequest{nil, {Headers: map[string]*istioapi.StringMatch{"x": nil}}}
			}), "http[0].match[1].headers[x]: it must not be null",
		},
		"a TCP match that is null": {
			valid.VirtualService(&istioapi.VirtualService{Hosts: []string{"web"}, Tls: []*istioapi.TLSRoute{nil}, Tcp: []*istioapi.TCPRoute{
				nil, {Match: []*istioapi.L4MatchAttributes{nil}, Route: []*istioapi.RouteDestination{{Destination: &istioapi.Destination{Host: "web"}}}},
			}}, ""), "tcp[1].match[0]: it must not be null",
		},
		"no number": {
			route(func(r *istioapi.HTTPRoute) { r.MirrorPercentage = &istioapi.Percent{Value: math.NaN()} }), "http[0].mirrorPercentage: NaN is not a number",
		},
		"a large body": {
			valid.VirtualService(&istioapi.VirtualService{Hosts: []string{"web"}, Http: []*istioapi.HTTPRoute{{DirectResponse: &istioapi.HTTPDirectResponse{
				Status: 200, Body: &istioapi.HTTPBody{Specifier: &istioapi.HTTPBody_String_{String_: large}},
			}}}}, ""), "http[0].directResponse: its body is larger than 1 MB",
		},
		"a subset that is null": {
			valid.DestinationRule(&istioapi.DestinationRule{Host: "web", Subsets: []*istioapi.Subset{nil}}, ""), "subsets[0]: it must not be null",
		},
		"port settings that are null": {
			policy(&istioapi.TrafficPolicy{PortLevelSettings: []*istioapi.TrafficPolicy_PortTrafficPolicy{nil}}), "trafficPolicy.portLevelSettings[0]: it must not be null",
		},
		"too many port settings": {
			policy(&istioapi.TrafficPolicy{PortLevelSettings: slices.Repeat([]*istioapi.TrafficPolicy_PortTrafficPolicy{{
				Port: &istioapi.PortSelector{Number: 80}, Tls: &istioapi.ClientTLSSettings{},
			}}, 4097)}), "trafficPolicy.portLevelSettings: there are 4097, but only 4096 are allowed",
		},
		"too many labels": {
			valid.DestinationRule(&istioapi.DestinationRule{Host: "web", WorkloadSelector: &istiotype.WorkloadSelector{MatchLabels: many}}, ""), "workloadSelector: it has 4097 labels, but only 4096 are allowed",
		},
		"an unknown value": {
			policy(&istioapi.TrafficPolicy{Tls: &istioapi.ClientTLSSettings{Mode: 77}}), "trafficPolicy.tls.mode: 77 has no name",
		},
		"an unknown version": {
			policy(&istioapi.TrafficPolicy{ProxyProtocol: &istioapi.TrafficPolicy_ProxyProtocol{Version: 77}}), "trafficPolicy.proxyProtocol: 77 is not a version of it",
		},
		"an infinite budget": {
			policy(&istioapi.TrafficPolicy{RetryBudget: &istioapi.TrafficPolicy_RetryBudget{Percent: wrapperspb.Double(math.NaN())}}), "trafficPolicy.retryBudget.percent: NaN is not a number",
		},
	} {
		if len(test.got) != 1 || test.got[0].String() != test.want {
			t.Errorf("%s: %v, want %q", name, test.got, test.want)
		}
	}
}

// TestRetryStatuses: the same statuses as in Istio, which uses net/http.
func TestRetryStatuses(t *testing.T) {
	t.Parallel()
	for status := range 1000 {
		problems := valid.VirtualService(&istioapi.VirtualService{Hosts: []string{"web"}, Http: []*istioapi.HTTPRoute{{
			Route:   []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "web"}}},
			Retries: &istioapi.HTTPRetry{Attempts: 1, RetryOn: strconv.Itoa(status)},
		}}}, "shop")
		if known := http.StatusText(status) != ""; known != (len(problems) == 0) {
			t.Errorf("status %d: %v", status, problems)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for name, test := range map[string]struct {
		meta metav1.ObjectMeta
		want []string
	}{
		"fine": {metav1.ObjectMeta{
			Name: "a.b-c", Namespace: "shop", Labels: map[string]string{"app.kubernetes.io/managed-by": "x", "Empty": "", long: long},
			Annotations: map[string]string{"Overrides.mesh/adopted": "any text"},
		}, nil},
		"names":    {metav1.ObjectMeta{Name: "A", Namespace: "a.b"}, []string{`metadata.name: "A" is not an object name`, `metadata.namespace: "a.b" is not a namespace`}},
		"no names": {metav1.ObjectMeta{}, []string{`metadata.name: "" is not an object name`, `metadata.namespace: "" is not a namespace`}},
		"a long name": {metav1.ObjectMeta{Name: strings.Repeat("a", 254), Namespace: long + "a"}, []string{
			`metadata.name: "` + strings.Repeat("a", 254) + `" is not an object name`, `metadata.namespace: "` + long + `a" is not a namespace`,
		}},
		"labels": {metav1.ObjectMeta{Name: "a", Namespace: "b", Labels: map[string]string{"owner": "x-", "a_/b": "", "/b": "", long + "a": "", "x": long + "a"}}, []string{
			`metadata.labels[/b]: "/b" is not a label key`, `metadata.labels[a_/b]: "a_/b" is not a label key`,
			`metadata.labels[` + long + `a]: "` + long + `a" is not a label key`, `metadata.labels[owner]: "x-" is not a label value`,
			`metadata.labels[x]: "` + long + `a" is not a label value`,
		}},
		"annotations": {metav1.ObjectMeta{Name: "a", Namespace: "b", Annotations: map[string]string{"-": "", "x": strings.Repeat("x", 256<<10)}}, []string{
			`metadata.annotations: they have 262146 bytes, but only 262144 are allowed`, `metadata.annotations[-]: "-" is not an annotation key`,
		}},
	} {
		var got []string
		for _, p := range valid.Metadata(&test.meta) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
