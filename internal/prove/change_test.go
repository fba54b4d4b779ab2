package prove_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
)

func stateOf(s *model.Snapshot) prove.State {
	result, _ := prove.Compile(s)
	return prove.State{Snapshot: s, Result: &result}
}

// TestChangesBothWays: a step changes ordinary traffic if the step back does, and an
// empty step changes nothing.
func TestChangesBothWays(t *testing.T) {
	t.Parallel()
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		before := compiletest.Either().Draw(t, "snapshot")
		after := altered(t, before)
		b, a := stateOf(before), stateOf(after)
		if d := prove.Changes(b, b); len(d.Changes)+len(d.Opened)+len(d.NotCompared) > 0 {
			t.Errorf("a state differs from itself: %+v", d)
		}
		if diff := cmp.Diff(prove.Changes(b, a), prove.Changes(b, a)); diff != "" {
			t.Errorf("two answers to one question (-one +other):\n%s", diff)
		}
		there, back := prove.Changes(b, a), prove.Changes(a, b)
		for _, c := range there.Changes {
			t.Logf("there: %s: %s", c.Host, c.Change)
		}
		for _, c := range back.Changes {
			t.Logf("back: %s: %s", c.Host, c.Change)
		}
		if (len(there.Changes) == 0) != (len(back.Changes) == 0) {
			t.Errorf("%d changes there, %d back", len(there.Changes), len(back.Changes))
		}
		if len(there.Changes) > 0 {
			changed++
		}
	})
	if changed == 0 {
		t.Error("no step changed anything: the test shows nothing")
	}
	t.Logf("%d steps changed something", changed)
}

// altered returns a snapshot that differs from s in one thing.
func altered(t *rapid.T, s *model.Snapshot) *model.Snapshot {
	out := *s
	i := rapid.IntRange(0, 100).Draw(t, "which")
	switch rapid.SampledFrom([]string{"service", "backend", "VirtualService", "timeout", "rule", "sidecar"}).Draw(t, "altered") {
	case "service":
		if n := len(s.Services); n > 0 {
			out.Services = slices.Delete(slices.Clone(s.Services), i%n, i%n+1)
		}
	case "backend":
		if n := len(s.Services); n > 0 {
			out.Services = slices.Clone(s.Services)
			if of := &out.Services[i%n]; len(of.Backends) > 0 {
				of.Backends = of.Backends[1:]
			}
		}
	case "VirtualService":
		if n := len(s.VirtualServices); n > 0 {
			out.VirtualServices = slices.Delete(slices.Clone(s.VirtualServices), i%n, i%n+1)
		}
	case "timeout":
		if n := len(s.VirtualServices); n > 0 {
			out.VirtualServices = slices.Clone(s.VirtualServices)
			v := &out.VirtualServices[i%n]
			v.Spec, _ = proto.Clone(v.Spec).(*istioapi.VirtualService)
			for _, h := range v.Spec.GetHttp() {
				h.Timeout = durationpb.New(1234567)
			}
		}
	case "rule":
		if n := len(s.DestinationRules); n > 0 {
			out.DestinationRules = slices.Delete(slices.Clone(s.DestinationRules), i%n, i%n+1)
		}
	case "sidecar":
		out.Sidecars = nil
	}
	return &out
}
