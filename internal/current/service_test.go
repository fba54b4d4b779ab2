package current

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

const host = "cart.shop.svc.cluster.local"

var (
	routes  = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}
	subsets = diag.Object{Kind: "DestinationRule", Namespace: "shop", Name: "cart-overrides"}
	at      = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

func pods(version string, ready int) model.Backend {
	return model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: "cart-" + version}, Labels: map[string]string{"app": "cart", "version": version}, Pods: 1, Ready: ready,
	}
}

// world is one state of the Service cart.
type world struct {
	released, previews []model.Backend
	pinned             compile.Pinned
	state              compile.State
	doors              []compile.Door
	// to are the subsets that ordinary traffic goes to through the routes in place, ""
	// for the whole Service; nil if there are no routes.
	to    []string
	steps []plan.Step
	held  []plan.Blocked
}

func (w *world) input() Input {
	state := compile.Managed
	if w.state != "" {
		state = w.state
	}
	report := compile.Service{
		Namespace: "shop", Name: "cart", Host: host, State: state, Pinned: w.pinned, ReleasedPods: w.released, Previews: w.previews, Doors: w.doors,
	}
	report.Settings.VersionLabel = "version"
	service := model.Service{Namespace: "shop", Name: "cart", Backends: append(append([]model.Backend{}, w.released...), w.previews...)}
	in := Input{
		Snapshot: &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{service}},
		Result:   &compile.Result{Services: []compile.Service{report}},
		Planned:  &plan.Output{Steps: w.steps, Blocked: w.held},
	}
	if w.to == nil {
		return in
	}
	table := &istioapi.HTTPRoute{}
	rule := &istioapi.DestinationRule{Host: host}
	for _, subset := range w.to {
		table.Route = append(table.Route, &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: host, Subset: subset}})
		if subset != "" && subset != "not-there" {
			rule.Subsets = append(rule.Subsets, &istioapi.Subset{Name: subset, Labels: map[string]string{"version": subset}})
		}
	}
	in.Observed = []plan.Observed{
		{Object: routes, Routes: istio.ReadRoutes(&istioapi.VirtualService{Http: []*istioapi.HTTPRoute{table}})},
		{Object: subsets, Subsets: istio.ReadSubsets(rule)},
	}
	return in
}

// TestServices: the state is read from the objects in the cluster, not from those that
// are wanted.
func TestServices(t *testing.T) {
	t.Parallel()
	v1, v2 := []model.Backend{pods("v1", 1)}, []model.Backend{pods("v2", 1)}
	pinnedDoor := compile.Door{Kind: compile.DoorSidecars, Name: host, Pinned: true}
	gateway := compile.Door{Kind: compile.DoorGateway, Name: "VirtualService shop/edge"}
	update := []plan.Step{{Action: plan.Update, Object: istio.Object{Object: routes}}}
	tests := []struct {
		name  string
		world world
		want  []Service
		codes []diag.Code
	}{
		{"nothing to pin, no objects", world{released: v1, pinned: compile.PinnedNowhere, state: compile.Idle}, nil, nil},
		{
			"pinned",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, doors: []compile.Door{pinnedDoor}, to: []string{"v1"}},
			[]Service{{Pinned: Everywhere, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Ready: 1, Place: Whole, Routed: true}},
			nil,
		},
		{
			"pinned, but for a gateway",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, doors: []compile.Door{pinnedDoor, gateway}, to: []string{"v1"}},
			[]Service{{Pinned: Partly, Open: []compile.Door{gateway}, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Ready: 1, Place: Whole, Routed: true}},
			nil,
		},
		{
			"to be pinned, and nothing is in place",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, doors: []compile.Door{pinnedDoor}, steps: update},
			[]Service{{
				Pinned: Nowhere, Pods: 2, Ready: 2, Place: NotYet,
				To: []string{"Deployment/cart-v1 (version v1)", "Deployment/cart-v2 (version v2)"},
			}},
			[]diag.Code{diag.OrdinaryTrafficNotPinned},
		},
		{
			"to be pinned, and what is in place does not",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, to: []string{""}, held: []plan.Blocked{{
				Object: routes, Reason: plan.SubsetNotPropagated, Until: at,
			}}},
			[]Service{{
				Pinned: Nowhere, Pods: 2, Ready: 2, Place: NotYet, Routed: true,
				To:    []string{"Deployment/cart-v1 (version v1)", "Deployment/cart-v2 (version v2)"},
				Waits: []Wait{{"ordinary traffic waits until all proxies have the subset", plan.SubsetNotPropagated, &at}},
			}},
			[]diag.Code{diag.OrdinaryTrafficNotPinned},
		},
		{
			"what is in place shares it by subsets",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, to: []string{"v1", "v2"}, steps: update},
			[]Service{{
				Pinned: Nowhere, Pods: 2, Ready: 2, Place: NotYet, Routed: true,
				To: []string{"Deployment/cart-v1 (version v1)", "Deployment/cart-v2 (version v2)"},
			}},
			[]diag.Code{diag.OrdinaryTrafficNotPinned},
		},
		{
			"the pin moves",
			world{released: v2, previews: v1, pinned: compile.PinnedByVersion, to: []string{"v1"}, held: []plan.Blocked{{Object: routes, Reason: plan.ReleasedNotReady}}},
			[]Service{{
				Pinned: Everywhere, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Ready: 1, Place: NotYet, Routed: true,
				Waits: []Wait{{"ordinary traffic stays where it is, since no released pod is ready", plan.ReleasedNotReady, nil}},
			}},
			nil,
		},
		{
			"served, and something to be removed",
			world{released: v1, pinned: compile.PinnedNowhere, to: []string{"v1"}, held: []plan.Blocked{{Object: subsets, Reason: plan.SubsetInUse, Until: at}}},
			[]Service{{
				Pinned: NotNeeded, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Ready: 1, Place: Served, Routed: true,
				Waits: []Wait{{"subsets that are no longer needed stay until no proxy has a route to them", plan.SubsetInUse, &at}},
			}},
			nil,
		},
		{
			"a row waits",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, to: []string{"v1"}, held: []plan.Blocked{{
				Object: routes, Reason: plan.Flapping, Version: version("v2"), Until: at,
			}}},
			[]Service{{
				Pinned: Everywhere, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Ready: 1, Place: NotYet, Routed: true,
				Waits: []Wait{{"the route to version v2 waits until its pods stay ready", plan.Flapping, &at}},
			}},
			nil,
		},
		{
			"no ready pod",
			world{released: []model.Backend{pods("v1", 0)}, previews: v2, pinned: compile.PinnedByVersion, to: []string{"v1"}},
			[]Service{{Pinned: Everywhere, To: []string{"Deployment/cart-v1 (version v1)"}, Pods: 1, Place: Whole, Routed: true}},
			[]diag.Code{diag.NoReadyPod},
		},
		{
			"a subset that is not there",
			world{released: v1, previews: v2, pinned: compile.PinnedByVersion, to: []string{"not-there"}},
			[]Service{{Pinned: Everywhere, Place: Whole, Routed: true}},
			[]diag.Code{diag.NoReadyPod},
		},
		{
			"left alone",
			world{released: v1, previews: v2, state: compile.Skipped, doors: []compile.Door{{Kind: compile.DoorSidecars, Name: host, Callers: "all namespaces"}}},
			[]Service{{
				Pinned: Nowhere, Pods: 2, Ready: 2, Place: Whole, Open: []compile.Door{{Kind: compile.DoorSidecars, Name: host, Callers: "all namespaces"}},
				To: []string{"Deployment/cart-v1 (version v1)", "Deployment/cart-v2 (version v2)"},
			}},
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := test.world.input()
			got := Services(in)
			for i := range test.want {
				test.want[i].Namespace, test.want[i].Name = "shop", "cart"
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Service{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var codes []diag.Code
			for _, d := range Warnings(in, got) {
				codes = append(codes, d.Code)
			}
			if diff := cmp.Diff(test.codes, codes); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVersionLabel: a version label that no pod has is reported once, for the whole
// cluster.
func TestVersionLabel(t *testing.T) {
	t.Parallel()
	w := world{released: []model.Backend{pods("v1", 1)}, pinned: compile.PinnedNowhere, state: compile.Idle}
	in := w.input()
	in.Snapshot.Options.VersionLabel, in.Result.Services[0].Settings.VersionLabel = "vrsn", "vrsn"
	use := LabelUseOf(in)
	got := use.Warnings("vrsn")
	want := []diag.Diagnostic{diag.New(diag.VersionLabelUnused, diag.Object{}, `no pod of any of 1 managed Services has the label "vrsn", so no version is known`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	others := use
	if others.Add(LabelUse{With: 1}, 1); len(others.Warnings("vrsn")) > 0 {
		t.Error("a warning though a pod of another Service has the label")
	}
	if others.Add(LabelUse{With: 1}, -1); others != use {
		t.Errorf("without that Service again there are %+v", others)
	}
	in.Snapshot.Services[0].Backends = nil
	if got := LabelUseOf(in).Warnings("vrsn"); len(got) > 0 {
		t.Errorf("without pods: %v", got)
	}
}

func version(name string) route.Version {
	return route.Version{Namespace: "shop", Service: "cart", Version: name}
}
