package compile

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// remembering returns a copy of a snapshot in which Services remember what a result says.
func remembering(t *rapid.T, in *model.Snapshot, result *Result) *model.Snapshot {
	t.Helper()
	written := map[string]string{}
	for _, r := range result.SubsetRules {
		written[r.Host] = r.Released
	}
	for _, x := range result.Tables {
		if len(x.Hosts) == 1 && x.Released != "" {
			written[x.Hosts[0]] = x.Released
		}
	}
	out := *in
	out.Services = slices.Clone(in.Services)
	for i := range out.Services {
		s := &out.Services[i]
		s.Remembered = nil
		if text := written[s.Name+"."+s.Namespace+".svc.cluster.local"]; text != "" {
			r, err := model.ParseRemembered(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			s.Remembered = &r
		}
	}
	return &out
}

// TestMemoryIsStable: what is remembered of a compilation changes nothing of the next one.
func TestMemoryIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := behind(t)
		first := Compile(snapshot)
		again := Compile(remembering(t, snapshot, &first))
		ignored := cmpopts.IgnoreFields(Service{}, "Released")
		if d := cmp.Diff(first, again, protocmp.Transform(), cmpopts.EquateEmpty(), ignored, cmpopts.IgnoreFields(diag.Diagnostic{}, "Message")); d != "" {
			t.Fatalf("a second time it is another (-first +second):\n%s", d)
		}
	})
}

// TestNothingBecomesReleasedByRule: whatever comes and goes, pods get ordinary traffic by
// rule only if their workload is remembered, or one of the same version that is; or as a
// stand-in, which is said. Previews never do.
func TestNothingBecomesReleasedByRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := behind(t)
		first := Compile(snapshot)
		next := remembering(t, snapshot, &first)
		next.Services[0].Backends = compiletest.Behind().Draw(t, "backends later")
		all, result := run(newIndex(next, Rejected{}))
		s := all.list[0]
		if s.Remembered == nil || !s.active() {
			return
		}
		said := slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.ReleasedStandIn })
		if said != s.released.standIn {
			t.Fatalf("stand-in %t, said %t", s.released.standIn, said)
		}
		wasReleased := func(b *backend) bool { return model.Has(s.Remembered.Released, b.Workload, b.version) }
		var versions []string
		for i := range s.pods {
			if b := &s.pods[i]; !b.preview && wasReleased(b) {
				versions = append(versions, b.version)
			}
		}
		is := func(b *backend) bool { return wasReleased(b) || slices.Contains(versions, b.version) }
		for i := range s.pods {
			b := &s.pods[i]
			if b.ordinary && b.preview {
				t.Fatalf("%s is a preview, and gets ordinary traffic (%s)", b.Workload, s.released.why)
			}
			if s.released.standIn && !b.preview && wasReleased(b) && (b.Pods > 0 || b.Wanted > 0) {
				t.Fatalf("%s is there, and others stand in (%s)", b.Workload, s.released.why)
			}
			if b.released && !s.released.standIn && !s.named() && !is(b) {
				t.Fatalf("%s is released (%s), of which nothing is in %q", b.Workload, s.released.why, s.Remembered)
			}
			for _, p := range s.pin.parts {
				if b.preview && model.HasLabels(b.Labels, p.labels) {
					t.Fatalf("the pin %v has pods of %s, a preview", p.labels, b.Workload)
				}
			}
		}
		shared := slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.OrdinaryTrafficShared })
		if len(s.pin.parts) == 0 && len(candidates(s.pods)) < len(s.pods) && !shared {
			t.Fatalf("shared with previews, without a word")
		}
	})
}

// behind draws a snapshot of one Service.
func behind(t *rapid.T) *model.Snapshot {
	s := model.Service{
		Namespace: "shop", Name: "cart", Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}, Selector: map[string]string{"app": "cart"},
		Backends: compiletest.Behind().Draw(t, "backends"),
	}
	switch rapid.IntRange(0, 4).Draw(t, "named") {
	case 0:
		s.Settings.ReleasedVersions = []string{"v1"}
	case 1:
		s.Settings.ReleasedWorkload = &model.Workload{Name: "cart-1"}
	}
	return &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{s}}
}

func TestByOwnLabels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		backends []model.Backend
		want     map[string]string
	}{
		{"a label that only the released pods have", []model.Backend{
			pods("cart", map[string]string{"app": "cart", "track": "stable", "version": "v1"}),
			pods("cart-pr", map[string]string{"app": "cart", "version": "pr-7"}),
		}, map[string]string{"track": "stable"}},
		{"one whose value is another", []model.Backend{
			pods("cart", map[string]string{"app": "cart", "owner": "a", "version": "v1"}),
			pods("cart-pr", map[string]string{"app": "cart", "owner": "b", "version": "pr-7"}),
		}, map[string]string{"owner": "a"}},
		{"not one that goes with the version", []model.Backend{
			pods("cart", map[string]string{"app": "cart", "helm.sh/chart": "cart-1", "image": "v1", "version": "v1"}),
			pods("cart-pr", map[string]string{"app": "cart", "helm.sh/chart": "cart-2", "image": "v2", "version": "v2"}),
		}, map[string]string{"version": "v1"}},
		{"not one that former pods have another value of", []model.Backend{
			pods("cart", map[string]string{"app": "cart", "build": "1", "track": "stable", "version": "v1"}),
			pods("cart", map[string]string{"app": "cart", "build": "2", "track": "stable", "version": "v2"}),
			pods("cart-pr", map[string]string{"app": "cart", "build": "3", "version": "pr-7"}),
		}, map[string]string{"track": "stable"}},
		{"several together", []model.Backend{
			pods("cart", map[string]string{"app": "cart", "color": "red", "size": "small", "version": "v1"}),
			pods("cart-pr", map[string]string{"app": "cart", "color": "red", "size": "large", "version": "pr-7"}),
			pods("cart-qa", map[string]string{"app": "cart", "color": "blue", "size": "small", "version": "qa"}),
		}, map[string]string{"color": "red", "size": "small"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			snapshot := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{{
				Namespace: "shop", Name: "cart", Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}, Selector: map[string]string{"app": "cart"}, Backends: test.backends,
			}}}
			all, _ := run(newIndex(snapshot, Rejected{}))
			if got := all.list[0].pin.parts; len(got) != 1 || !cmp.Equal(got[0].labels, test.want) {
				t.Errorf("pinned to %v, want %v", got, test.want)
			}
		})
	}
}

// pods are those of a workload whose selector tells nothing, older the shorter its name.
func pods(workload string, labels map[string]string) model.Backend {
	return model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: workload}, Created: time.Unix(int64(len(workload)), 0),
		Selector: map[string]string{"app": "cart"}, Labels: labels, Pods: 1, Ready: 1, Wanted: 1,
	}
}

// TestFormerPodsLeaveThePin: pods of a former template have no share of ordinary traffic
// once the present one is whole, though they are there.
func TestFormerPodsLeaveThePin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ready int
		want  []string
	}{
		{0, []string{"v1"}}, {1, []string{"v1", "v2"}}, {2, []string{"v2"}},
	} {
		former := pods("cart", map[string]string{"app": "cart", "version": "v1"})
		former.Wanted = 0
		present := pods("cart", map[string]string{"app": "cart", "version": "v2"})
		present.Wanted, present.Pods, present.Ready = 2, 2, test.ready
		all, _ := run(newIndex(&model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{{
			Namespace: "shop", Name: "cart", Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}, Selector: map[string]string{"app": "cart"},
			Backends: []model.Backend{former, present, pods("cart-pr", map[string]string{"app": "cart", "version": "pr-7"})},
		}}}, Rejected{}))
		var got []string
		for _, p := range all.list[0].pin.parts {
			got = append(got, p.version)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%d of 2 ready: pinned to %v, want %v", test.ready, got, test.want)
		}
	}
}
