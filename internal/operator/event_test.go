package operator

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	istioapi "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/event"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// routedIsland is an island of a Service with one version, whose route was written some time
// ago, and with diags.
func routedIsland(written time.Duration, routed map[route.Version]plan.Routed, diags ...diag.Diagnostic) *islandState {
	p := &islandState{}
	p.modes = map[string]namespaceMode{"shop": managed}
	p.services = map[[2]string]*corev1.Service{{"shop", "cart"}: {ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}}}
	p.result = compile.Result{Tables: []route.Table{{
		Namespace: "shop", Name: "cart-overrides", Owner: "cart", Routes: []route.Route{{Kind: route.Override, Name: "override.cart.v2", Version: cartV2}},
	}}}
	v2 := compile.Version{Name: "v2", Pods: 1, Ready: len(routed)}
	p.result.Services = []compile.Service{{Namespace: "shop", Name: "cart", State: compile.Managed, Pinned: compile.PinnedByVersion, Versions: []compile.Version{v2}}}
	seen := &apply.Seen{Written: time.Now().Add(-written)}
	seen.Object = name
	if routed != nil {
		seen.Routes = istio.ReadRoutes(&istioapi.VirtualService{Http: []*istioapi.HTTPRoute{{
			Name:  "override.cart.v2",
			Match: []*istioapi.HTTPMatchRequest{{Headers: map[string]*istioapi.StringMatch{"x-override": {MatchType: &istioapi.StringMatch_Regex{Regex: `(?:.*,)?[ \t]*cart:v2`}}}}},
			Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "cart.shop.svc.cluster.local", Subset: "override-v2"}}},
		}}})
	}
	p.seen = map[diag.Object]*apply.Seen{name: seen}
	p.planned.Routed, p.diags = routed, diags
	return p
}

var (
	cartV2  = route.Version{Namespace: "shop", Service: "cart", Version: "v2"}
	placed  = map[route.Version]plan.Routed{cartV2: {}}
	settled = map[route.Version]plan.Routed{cartV2: {Propagated: true}}
)

// TestReportEvents runs cycles, the first of which is that of an operator that has just
// started.
func TestReportEvents(t *testing.T) {
	t.Parallel()
	ours := diag.New(diag.NameTaken, diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, "taken")
	const (
		overridable = "Normal VersionOverridable version v2 is reached by requests for cart:v2"
		lost        = "Normal VersionNotOverridable version v2 has no ready pod (0 of 1): requests for cart:v2 get the released version"
		taken       = "Warning NameTaken taken"
		gone        = "Normal Resolved no longer applies: taken (NameTaken)"
	)
	tests := []struct {
		name   string
		passes []*islandState
		want   []string
	}{
		{"once, when all proxies have the route", []*islandState{
			routedIsland(0, nil), routedIsland(0, placed), routedIsland(0, settled), routedIsland(0, settled),
		}, []string{overridable}},
		{"lost before it was announced", []*islandState{routedIsland(0, nil), routedIsland(0, placed), routedIsland(0, nil)}, nil},
		{"lost and found", []*islandState{
			routedIsland(0, settled), routedIsland(0, nil), routedIsland(0, settled),
		}, []string{overridable, lost, overridable}},
		{"what an operator before has announced is not said again", []*islandState{
			routedIsland(time.Hour, placed), routedIsland(time.Hour, settled), routedIsland(time.Hour, nil),
		}, []string{lost}},
		{"what it may not have come to say is", []*islandState{
			routedIsland(time.Second, placed), routedIsland(time.Second, settled),
		}, []string{overridable}},
		{"a warning about an object of ours, while it lasts once", []*islandState{
			routedIsland(0, nil, ours, ours), routedIsland(0, nil, ours), routedIsland(0, nil),
		}, []string{taken, gone}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorder := events.NewFakeRecorder(10)
			a := newEventReporter(recorder, newMetrics(), slog.New(slog.DiscardHandler))
			var memory event.Memory
			for _, p := range test.passes {
				memory = a.report(p, memory).Memory
			}
			close(recorder.Events)
			var got []string
			for e := range recorder.Events {
				got = append(got, e)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWarningsReachServices: every warning about the doors of a Service is an Event on it,
// and so is a warning about a user's VirtualService that routes to it.
func TestWarningsReachServices(t *testing.T) {
	t.Parallel()
	service := diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}
	routes := diag.Object{Kind: "VirtualService", Namespace: "edge", Name: "shop"}
	tests := []struct {
		name string
		diag diag.Diagnostic
		want []string
	}{
		{"sidecars", diag.New(diag.CallersNotPinned, service, "note"), []string{"Warning CallersNotPinned note"}},
		{"subset", diag.New(diag.SubsetHoldsPreview, service, "note"), []string{"Warning SubsetHoldsPreview note"}},
		{"ServiceEntry", diag.New(diag.ServiceEntryReachesPods, service, "note"), []string{"Warning ServiceEntryReachesPods note"}},
		{"entrance", diag.New(diag.EntranceNotPinned, service, "note"), []string{"Warning EntranceNotPinned note"}},
		{"node port", diag.New(diag.ExposedWithoutMesh, service, "note"), []string{"Warning ExposedWithoutMesh note"}},
		{"no sidecar", diag.New(diag.CallersWithoutSidecar, service, "note"), []string{"Warning CallersWithoutSidecar note"}},
		{"detected port", diag.New(diag.DetectedPortShared, service, "note"), []string{"Warning DetectedPortShared note"}},
		{"other port", diag.New(diag.NonHTTPPortShared, service, "note"), []string{"Warning NonHTTPPortShared note"}},
		{"affinity", diag.New(diag.AffinityLost, service, "note"), []string{"Warning AffinityLost note"}},
		{"left out", diag.New(diag.OrdinaryTrafficWouldChange, service, "note"), []string{"Warning OrdinaryTrafficWouldChange note"}},
		{
			"left out beside a user's routes", diag.New(diag.OrdinaryTrafficWouldChange, routes, "note"),
			[]string{"Warning OrdinaryTrafficWouldChange VirtualService edge/shop: note"},
		},
		{"about what leads elsewhere", diag.New(diag.OrdinaryTrafficWouldChange, diag.Object{Kind: "VirtualService", Namespace: "edge", Name: "other"}, "note"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := routedIsland(0, nil, test.diag)
			p.snapshot = &model.Snapshot{Options: model.DefaultOptions(), VirtualServices: []model.VirtualService{
				leading("shop", "cart.shop.svc.cluster.local"), leading("other", "blog.shop.svc.cluster.local"),
			}}
			p.result.Services = []compile.Service{{Namespace: "shop", Name: "cart", Host: "cart.shop.svc.cluster.local", State: compile.Managed}}
			recorder := events.NewFakeRecorder(10)
			a := newEventReporter(recorder, newMetrics(), slog.New(slog.DiscardHandler))
			a.report(p, a.report(p, event.Memory{}).Memory)
			close(recorder.Events)
			var got []string
			for e := range recorder.Events {
				got = append(got, e)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Events (-want +got):\n%s", diff)
			}
		})
	}
}

// leading is a VirtualService in namespace edge that routes to a host.
func leading(name, host string) model.VirtualService {
	return model.VirtualService{Namespace: "edge", Name: name, Spec: &istioapi.VirtualService{
		Hosts: []string{name + ".example.com"},
		Http:  []*istioapi.HTTPRoute{{Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: host}}}}},
	}}
}

// TestTruncateNote: a note that is too long for an Event is cut between characters.
func TestTruncateNote(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ note, want string }{
		{"taken", "taken"},
		{strings.Repeat("a", 1000), strings.Repeat("a", 1000)},
		{strings.Repeat("a", 1001), strings.Repeat("a", 1000) + "…"},
		{strings.Repeat("é", 500), strings.Repeat("é", 500)},
		{"a" + strings.Repeat("é", 500), "a" + strings.Repeat("é", 499) + "…"},
		{"abc" + strings.Repeat("\U0001f600", 250), "abc" + strings.Repeat("\U0001f600", 249) + "…"},
	} {
		got := truncateNote(test.note)
		if got != test.want || !utf8.ValidString(got) || len(got) > 1024 {
			t.Errorf("truncateNote(%q) = %q (%d bytes)", test.note, got, len(got))
		}
	}
}

// TestWarningsAreLogged: each warning is logged when it begins and when it ends.
func TestWarningsAreLogged(t *testing.T) {
	t.Parallel()
	taken := diag.New(diag.NameTaken, diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, "taken")
	var log strings.Builder
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	a := newEventReporter(events.NewFakeRecorder(10), newMetrics(), slog.New(slog.NewTextHandler(&log, options)))
	var memory event.Memory
	for _, p := range []*islandState{routedIsland(0, nil, taken), routedIsland(0, nil, taken), routedIsland(0, nil)} {
		memory = a.report(p, memory).Memory
	}
	const want = `level=WARN msg=diagnostic code=NameTaken object="VirtualService shop/cart-overrides" message=taken
level=INFO msg="diagnostic no longer" code=NameTaken object="VirtualService shop/cart-overrides" message=taken
`
	if log.String() != want {
		t.Errorf("logged\n%swant\n%s", log.String(), want)
	}
}
