package event

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	start  = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	cartV2 = route.Version{Namespace: "shop", Service: "cart", Version: "v2"}
)

// look is one state of a cluster with the Service cart.
type look struct {
	// after is the time since the first look.
	after   time.Duration
	service compile.Service
	// gone is set if the Service does not exist.
	gone     bool
	selector string
	// routed is set if the table has a row for v2 that is in place, and all proxies have
	// it.
	routed bool
	// taken is set if the table has one that is not in place, because somebody removed
	// it.
	taken bool
	// stale is set if there is such a row in place that the table does not have.
	stale bool
	held  []plan.Blocked
	left  bool
	diags []diag.Diagnostic
}

func (l *look) input(m Memory) Input {
	in := Input{
		Now: start.Add(l.after), Snapshot: &model.Snapshot{}, Result: &compile.Result{}, Planned: &plan.Output{Blocked: l.held},
		Left: map[string]bool{"shop": l.left}, Diagnostics: l.diags, Memory: m,
	}
	if !l.gone {
		l.service.Namespace, l.service.Name, l.service.Host = "shop", "cart", host
		in.Result.Services = []compile.Service{l.service}
		in.Snapshot.Services = []model.Service{{Namespace: "shop", Name: "cart", Selector: map[string]string{"app": l.selector}}}
	}
	table := route.Table{Namespace: "shop", Name: "cart-overrides", Owner: "cart"}
	if l.routed {
		table.Routes = rows()
		in.Planned.Routed = map[route.Version]plan.Routed{cartV2: {Propagated: true}}
	}
	if l.taken {
		table.Routes = rows()
	}
	if l.routed || l.stale {
		in.Observed, in.Before = inPlace(), inPlace()
	}
	if !l.left {
		in.Result.Tables = []route.Table{table}
	}
	return in
}

// rows are those of v2: for members that name the Service, and for sets.
func rows() []route.Route {
	return []route.Route{
		{Kind: route.Override, Name: "override.cart.v2", Version: cartV2},
		{Kind: route.Override, Name: "override.*.cart.v2", Version: cartV2, Set: true},
	}
}

// inPlace returns objects with the rows of v2 and its subset.
func inPlace() []plan.Observed {
	return []plan.Observed{
		{
			Object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"},
			Routes: istio.ReadRoutes(&istioapi.VirtualService{Http: []*istioapi.HTTPRoute{
				storedRow("override.cart.v2", `(?:.*,)?[ \t]*cart:v2`),
				storedRow("override.*.cart.v2", `(?:.*,)?[ \t]*\*:v2`),
			}}),
		},
		{
			Object:  diag.Object{Kind: "DestinationRule", Namespace: "shop", Name: "cart-overrides"},
			Subsets: &route.PlacedSubsets{Host: host, Subsets: []route.Subset{{Name: "override-v2", Labels: map[string]string{"version": "v2"}}}},
		},
	}
}

func storedRow(name, pattern string) *istioapi.HTTPRoute {
	return &istioapi.HTTPRoute{
		Name: name,
		Match: []*istioapi.HTTPMatchRequest{{Headers: map[string]*istioapi.StringMatch{
			"x-override": {MatchType: &istioapi.StringMatch_Regex{Regex: pattern}},
		}}},
		Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: host, Subset: "override-v2"}}},
	}
}

// managed returns the Service with a number of pods of v2, some of them ready.
func managed(pods, ready int) compile.Service {
	s := compile.Service{State: compile.Managed, Pinned: compile.PinnedByVersion, Versions: []compile.Version{{Name: "v1", Released: true, Pods: 1, Ready: 1}}}
	if pods > 0 {
		s.Versions = append(s.Versions, compile.Version{Name: "v2", Pods: pods, Ready: ready})
	}
	return s
}

// said plays looks, and lists the Events after each.
func said(t *testing.T, looks []look) []string {
	t.Helper()
	var m Memory
	var got []string
	for i := range looks {
		out := Tell(looks[i].input(m))
		m = out.Memory
		for _, e := range out.Events {
			kind := "Normal "
			if e.Warning {
				kind = "Warning "
			}
			if (e.Namespace != "shop" || e.Service != "cart") && e.Namespace != "" {
				t.Errorf("Event about %s/%s", e.Namespace, e.Service)
			}
			got = append(got, kind+e.Reason+": "+e.Note)
		}
	}
	return got
}

// TestVersions: the Event about a version that can no longer be asked for has the true
// reason, and there is none if requests for it still reach it.
func TestVersions(t *testing.T) {
	t.Parallel()
	const overridable = "Normal VersionOverridable: version v2 is reached by requests for cart:v2"
	const not = "Normal VersionNotOverridable: "
	before := look{service: managed(1, 1), routed: true, selector: "cart"}
	flapping := []plan.Blocked{{Version: cartV2, Reason: plan.Flapping, Until: start.Add(time.Minute)}}
	only := compile.Service{State: compile.Idle, Pinned: compile.PinnedNowhere, Versions: []compile.Version{{Name: "v2", Released: true, Pods: 1, Ready: 1}}}
	promoted := compile.Service{State: compile.Managed, Pinned: compile.PinnedByVersion, Versions: []compile.Version{{Name: "v2", Released: true, Pods: 1, Ready: 1}}}
	expired := managed(1, 1)
	expired.Versions[1].Expires, expired.Versions[1].Expired = start, true
	tests := []struct {
		name string
		then look
		want []string
	}{
		{"not ready", look{service: managed(2, 0), selector: "cart"}, []string{not + "version v2 has no ready pod (0 of 2): requests for cart:v2 get the released version"}},
		{"no pods", look{service: managed(0, 0), selector: "cart"}, []string{not + "version v2 has no pod that the Service selects: requests for cart:v2 get the released version"}},
		{
			"expired",
			look{service: expired, selector: "cart"},
			[]string{not + "version v2 expired at 2026-11-29T12:00:00Z: requests for cart:v2 get the released version"},
		},
		{
			"another selector",
			look{service: managed(0, 0), selector: "cart-primary"},
			[]string{not + "version v2 has no pod that the Service selects, since its selector has changed (app=cart-primary): requests for cart:v2 get the released version"},
		},
		{"the only one left serves everything", look{service: only, selector: "cart"}, nil},
		{"released", look{service: promoted, selector: "cart"}, nil},
		{"the Service is gone", look{gone: true}, nil},
		{
			"opted out",
			look{service: compile.Service{State: compile.Skipped, Reason: diag.OptedOut, Pinned: compile.PinnedNowhere}},
			[]string{not + "version v2 is not routed to, since the Service asks to be left alone: requests for cart:v2 are answered like any other"},
		},
		{
			"left alone",
			look{service: compile.Service{State: compile.Skipped, Reason: diag.ReleasedUnknown}},
			[]string{not + "version v2 is not routed to, since the Service is left alone (ReleasedUnknown): requests for cart:v2 are answered like any other"},
		},
		{
			"flapping",
			look{service: managed(1, 1), held: flapping, selector: "cart"},
			[]string{not + "version v2 alternates between ready and unready, and must stay ready until 12:01:00Z: requests for cart:v2 get the released version"},
		},
		{
			"left out",
			look{service: managed(1, 1), selector: "cart"},
			[]string{not + "version v2 can't have a route now: see the Warnings of the Service: requests for cart:v2 get the released version"},
		},
		{
			"taken away",
			look{service: managed(1, 1), taken: true, selector: "cart"},
			[]string{not + "version v2 has lost its route, which is written again as soon as proxies have received its subset: requests for cart:v2 get the released version"},
		},
		{
			"the namespace is not managed",
			look{gone: true, left: true, stale: true},
			[]string{
				not + "version v2 is not routed to, since namespace shop is no longer managed: requests for cart:v2 are answered like any other",
				"Warning NamespaceNotManaged: namespace shop is no longer managed: no request can ask for a version of cart, and its ordinary traffic goes to all of its pods, previews included, from now on",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := said(t, []look{{service: managed(1, 0), selector: "cart"}, before, test.then})
			if diff := cmp.Diff(append([]string{overridable}, test.want...), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAfterRestart: an operator that has just started knows from the objects in the
// cluster what the previous one has announced.
func TestAfterRestart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		looks []look
		want  []string
	}{
		{"lost while no operator ran", []look{{service: managed(1, 0), stale: true}, {service: managed(1, 0)}}, []string{
			"Normal VersionNotOverridable: version v2 has no ready pod (0 of 1): requests for cart:v2 get the released version",
		}},
		{"the only one left meanwhile", []look{{stale: true, service: compile.Service{
			State: compile.Idle, Versions: []compile.Version{{Name: "v2", Released: true, Pods: 1, Ready: 1}},
		}}}, nil},
		{"the namespace is not managed meanwhile", []look{{gone: true, left: true, stale: true, held: []plan.Blocked{{
			Object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, Reason: plan.UnreleasedPodsDraining, Until: start.Add(10 * time.Second),
		}}}, {after: time.Second, gone: true, left: true, stale: true}}, []string{
			"Normal VersionNotOverridable: version v2 is not routed to, since namespace shop is no longer managed: requests for cart:v2 are answered like any other",
			"Warning NamespaceNotManaged: namespace shop is no longer managed: no request can ask for a version of cart, and its ordinary traffic goes to all of its pods, previews included, from 12:00:10Z on",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, said(t, test.looks)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
