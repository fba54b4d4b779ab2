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
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// expiring draws a cluster of which some workloads and Services expire, and a time.
func expiring(t *rapid.T) *model.Snapshot {
	t.Helper()
	var out model.Snapshot
	if rapid.Bool().Draw(t, "behind one Service") {
		out = *behind(t)
	} else {
		out = *compiletest.Either().Draw(t, "snapshot")
	}
	at := rapid.SampledFrom([]time.Time{{}, time.Unix(100, 0).UTC(), time.Unix(200, 0).UTC()})
	workloads := map[string]time.Time{}
	out.Services = slices.Clone(out.Services)
	for i := range out.Services {
		s := &out.Services[i]
		s.Expires = at.Draw(t, "Service expires")
		s.Backends = slices.Clone(s.Backends)
		for j := range s.Backends {
			name := s.Namespace + "/" + s.Backends[j].Workload.String()
			if _, drawn := workloads[name]; !drawn {
				workloads[name] = at.Draw(t, "workload expires")
			}
			s.Backends[j].Expires = workloads[name]
		}
	}
	out.Now = rapid.SampledFrom([]time.Time{time.Unix(99, 0), time.Unix(100, 0), time.Unix(200, 0)}).Draw(t, "now")
	return &out
}

// TestExpiryChangesNothingElse: with a time, only the override rows of versions that have
// expired are missing, and subsets that select them. Released versions never expire.
func TestExpiryChangesNothingElse(t *testing.T) {
	t.Parallel()
	expired, missing := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		snapshot := expiring(t)
		with := Compile(snapshot)
		snapshot.Now = time.Time{}
		without := Compile(snapshot)
		gone := map[route.Version]bool{}
		for _, s := range with.Services {
			for _, v := range s.Versions {
				if v.Expired {
					gone[route.Version{Namespace: s.Namespace, Service: s.Name, Version: v.Name}] = true
					expired++
				}
				if v.Expired && slices.ContainsFunc(s.ReleasedPods, func(b model.Backend) bool {
					return b.Labels[PreviewLabel] == "" && (b.Labels[s.Settings.VersionLabel] == v.Name || slices.Contains(v.Workloads, b.Workload.String()) && v.Isolated == "")
				}) {
					t.Fatalf("%s: version %s is released, and has expired", s.Object(), v.Name)
				}
			}
		}
		want := slices.Clone(without.Tables)
		for i := range want {
			all := want[i].Routes
			want[i].Routes = slices.DeleteFunc(slices.Clone(all), func(r route.Route) bool { return r.Kind == route.Override && gone[r.Version] })
			missing += len(all) - len(want[i].Routes)
		}
		same := cmp.Options{protocmp.Transform(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Version{}, "Expired"), cmpopts.IgnoreFields(route.Table{}, "Released")}
		if d := cmp.Diff(want, with.Tables, same); d != "" {
			t.Fatalf("tables (-without the time, but for what has expired +with it):\n%s", d)
		}
		if d := cmp.Diff(without.Services, with.Services, same); d != "" {
			t.Fatalf("Services (-without the time +with it):\n%s", d)
		}
		if d := cmp.Diff(rememberedBy(&without), rememberedBy(&with)); d != "" {
			t.Fatalf("what is remembered (-without the time +with it):\n%s", d)
		}
		compareSubsets(t, &without, &with, gone)
	})
	if expired == 0 || missing == 0 {
		t.Errorf("%d versions have expired, and %d rows were missing", expired, missing)
	}
}

// rememberedBy returns what the objects of a result remember of each host. Without a subset, the
// table remembers it.
func rememberedBy(result *Result) map[string]string {
	out := map[string]string{}
	for _, r := range result.SubsetRules {
		if r.Released != "" {
			out[r.Host] = r.Released
		}
	}
	for _, x := range result.Tables {
		if x.Released != "" {
			out[x.Hosts[0]] = x.Released
		}
	}
	return out
}

// compareSubsets fails if other subsets are missing than those of expired versions. A rule may
// be missing that had copies of a user's subsets beside these: the user's rule has them.
func compareSubsets(t *rapid.T, without, with *Result, gone map[route.Version]bool) {
	left := map[string][]route.Subset{}
	for _, r := range with.SubsetRules {
		left[r.Host] = r.Subsets
	}
	for i := range without.SubsetRules {
		r := &without.SubsetRules[i]
		want := slices.DeleteFunc(slices.Clone(r.Subsets), func(s route.Subset) bool {
			for _, version := range s.Labels {
				if len(s.Labels) == 1 && gone[route.Version{Namespace: r.Namespace, Service: r.Owner, Version: version}] {
					return !slices.ContainsFunc(left[r.Host], func(o route.Subset) bool { return o.Name == s.Name }) // or it is the user's
				}
			}
			return false
		})
		got, is := left[r.Host]
		delete(left, r.Host)
		if !is && len(want) < len(r.Subsets) {
			continue
		}
		if d := cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("subsets of %s (-want +got):\n%s", r.Host, d)
		}
	}
	if len(left) > 0 {
		t.Fatalf("there are other subsets: %v", left)
	}
}
