package operator

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// routedPicture is a pass over a Service with one version, whose route was written
// some time ago, and with diags.
func routedPicture(written time.Duration, routed map[route.Version]plan.Routed, diags ...diag.Diagnostic) *picture {
	p := &picture{}
	p.objects = &discover.Objects{Services: []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}}}}
	p.result = compile.Result{Tables: []route.Table{{
		Namespace: "shop", Name: "cart-overrides", Owner: "cart", Routes: []route.Route{{Kind: route.Override, Version: cartV2}},
	}}}
	p.seen = map[diag.Object]*apply.Seen{name: {Written: time.Now().Add(-written)}}
	p.planned.Routed, p.diags = routed, diags
	return p
}

var (
	cartV2  = route.Version{Namespace: "shop", Service: "cart", Version: "v2"}
	placed  = map[route.Version]plan.Routed{cartV2: {}}
	settled = map[route.Version]plan.Routed{cartV2: {Settled: true}}
)

// TestAnnounce plays passes, the first of which is that of an operator that has
// just started.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	ours := diag.New(diag.NameTaken, diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, "taken")
	const (
		overridable = "Normal VersionOverridable version v2 is reached by requests for cart:v2"
		lost        = "Normal VersionNotOverridable version v2 can't serve: requests for it get the released version"
		taken       = "Warning NameTaken taken"
	)
	tests := []struct {
		name   string
		passes []*picture
		want   []string
	}{
		{"once, when all proxies have the route", []*picture{
			routedPicture(0, nil), routedPicture(0, placed), routedPicture(0, settled), routedPicture(0, settled),
		}, []string{overridable}},
		{"lost before it was announced", []*picture{routedPicture(0, nil), routedPicture(0, placed), routedPicture(0, nil)}, nil},
		{"lost and found", []*picture{
			routedPicture(0, settled), routedPicture(0, nil), routedPicture(0, settled),
		}, []string{overridable, lost, overridable}},
		{"what an operator before has announced is not said again", []*picture{
			routedPicture(time.Hour, placed), routedPicture(time.Hour, settled), routedPicture(time.Hour, nil),
		}, []string{lost}},
		{"what it may not have come to say is", []*picture{
			routedPicture(time.Second, placed), routedPicture(time.Second, settled),
		}, []string{overridable}},
		{"a warning about an object of ours, while it lasts once", []*picture{
			routedPicture(0, nil, ours, ours), routedPicture(0, nil, ours), routedPicture(0, nil), routedPicture(0, nil, ours),
		}, []string{taken, taken}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorder := events.NewFakeRecorder(10)
			a := &announcer{recorder: recorder, metrics: newMetrics(), said: map[route.Version]*corev1.ObjectReference{}}
			for _, p := range test.passes {
				a.tell(p)
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

// TestShort: a note that is too long for an Event is cut between characters.
func TestShort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ note, want string }{
		{"taken", "taken"},
		{strings.Repeat("a", 1000), strings.Repeat("a", 1000)},
		{strings.Repeat("a", 1001), strings.Repeat("a", 1000) + "…"},
		{strings.Repeat("é", 500), strings.Repeat("é", 500)},
		{"a" + strings.Repeat("é", 500), "a" + strings.Repeat("é", 499) + "…"},
		{"abc" + strings.Repeat("\U0001f600", 250), "abc" + strings.Repeat("\U0001f600", 249) + "…"},
	} {
		got := short(test.note)
		if got != test.want || !utf8.ValidString(got) || len(got) > 1024 {
			t.Errorf("short(%q) = %q (%d bytes)", test.note, got, len(got))
		}
	}
}
