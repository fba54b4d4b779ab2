package mesh_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestDelegatedSettings: a delegate's route has each setting of the root that it does not
// have itself, and keeps its own (pilot/pkg/model: mergeHTTPRoute).
func TestDelegatedSettings(t *testing.T) {
	t.Parallel()
	rootsFields := settings(1).ProtoReflect()
	fields := rootsFields.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !rootsFields.Has(field) {
			continue
		}
		t.Run(string(field.Name()), func(t *testing.T) {
			t.Parallel()
			root, one, two := &istioapi.HTTPRoute{}, &istioapi.HTTPRoute{}, &istioapi.HTTPRoute{}
			root.ProtoReflect().Set(field, rootsFields.Get(field))
			two.ProtoReflect().Set(field, settings(2).ProtoReflect().Get(field))
			got := delegated(root, one, two)
			for j, want := range []*istioapi.HTTPRoute{root, two} {
				if d := cmp.Diff(valueOf(want, field), valueOf(got[j], field), protocmp.Transform()); d != "" {
					t.Errorf("route %d (-want +got):\n%s", j, d)
				}
			}
		})
	}
}

// settings returns a route with every setting that a root passes on; n distinguishes
// them.
func settings(n int) *istioapi.HTTPRoute {
	seconds := durationpb.New(time.Duration(n) * time.Second)
	to := &istioapi.Destination{Host: []string{"", "one.example.com", "two.example.com"}[n]}
	return &istioapi.HTTPRoute{
		Rewrite: &istioapi.HTTPRewrite{Authority: to.GetHost()}, DirectResponse: &istioapi.HTTPDirectResponse{Status: uint32(200 + n)},
		Timeout: seconds, Retries: &istioapi.HTTPRetry{Attempts: int32(n)},
		Fault:  &istioapi.HTTPFaultInjection{Abort: &istioapi.HTTPFaultInjection_Abort{Percentage: &istioapi.Percent{Value: float64(n)}}},
		Mirror: to, MirrorPercentage: &istioapi.Percent{Value: float64(n)},
		MirrorPercent: wrapperspb.UInt32(uint32(n)), //nolint:staticcheck // deprecated, and still followed by Istio
		Mirrors:       []*istioapi.HTTPMirrorPolicy{{Destination: to}},
		CorsPolicy:    &istioapi.CorsPolicy{MaxAge: seconds}, Headers: &istioapi.Headers{Request: &istioapi.Headers_HeaderOperations{Set: map[string]string{"to": to.GetHost()}}},
	}
}

// valueOf returns a route with a single field of another one.
func valueOf(r *istioapi.HTTPRoute, field protoreflect.FieldDescriptor) *istioapi.HTTPRoute {
	out := &istioapi.HTTPRoute{}
	if r.ProtoReflect().Has(field) {
		out.ProtoReflect().Set(field, r.ProtoReflect().Get(field))
	}
	return out
}

// delegated returns the routes that sidecars have if root delegates to subs.
func delegated(root *istioapi.HTTPRoute, subs ...*istioapi.HTTPRoute) []*istioapi.HTTPRoute {
	root, _ = proto.Clone(root).(*istioapi.HTTPRoute)
	root.Delegate = &istioapi.Delegate{Name: "sub"}
	for i, path := range []string{"/one", "/two"} {
		subs[i].Match = []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: path}}}}
	}
	m := mesh.New(&model.Snapshot{Options: model.DefaultOptions(), VirtualServices: []model.VirtualService{
		{Namespace: "shop", Name: "root", Spec: &istioapi.VirtualService{Hosts: []string{"cart"}, Http: []*istioapi.HTTPRoute{root}}},
		{Namespace: "shop", Name: "sub", Spec: &istioapi.VirtualService{Http: subs}},
	}})
	var out []*istioapi.HTTPRoute
	for _, r := range m.Sources()[0].Routes {
		out = append(out, r.HTTP)
	}
	return out
}
