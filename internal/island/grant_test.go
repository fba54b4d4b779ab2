package island_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestGrants: whatever grants come, change and go, islands are the whole; and a change of them
// has those islands compiled whose rows list the live ones, if these are others than before, and
// no other.
func TestGrants(t *testing.T) {
	t.Parallel()
	withTokens := archives(t)["../compile/testdata/gateway/grants.txtar"]
	without := archives(t)["../compile/testdata/adopt/canary-services.txtar"]
	if withTokens == "" || without == "" {
		t.Fatal("the archives are not there")
	}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(model.DefaultOptions())
		objects := cluster(t, withTokens)
		maps.Copy(objects, cluster(t, without))
		for _, name := range order(t, objects) {
			w.put(name, objects[name])
		}
		w.update(t)
		for range 4 {
			name, grant := drawGrant(t)
			before := w.live(t)
			if grant == nil {
				delete(w.objects, name)
				w.m.Remove(name)
			} else {
				w.put(name, grant)
			}
			u := w.m.Update()
			var want, got []*island.Island
			w.m.All(func(i *island.Island) {
				if w.live(t) != before && hasGrants(w.islands[i]) {
					want = append(want, i)
				}
				if slices.Contains(u.Changed, i) {
					got = append(got, i)
					w.islands[i] = i.Compiled
				}
			})
			if !slices.Equal(want, got) {
				t.Fatalf("%d islands were compiled, want %d", len(got), len(want))
			}
			w.update(t)
		}
	})
}

// drawGrant draws a grant, or one that goes.
func drawGrant(t *rapid.T) (diag.Object, *v1alpha1.OverrideGrant) {
	name := diag.Object{Kind: v1alpha1.KindOverrideGrant, Namespace: "shop", Name: rapid.SampledFrom([]string{"one", "other", "third"}).Draw(t, "grant")}
	if rapid.Bool().Draw(t, "goes") {
		return name, nil
	}
	grant := &v1alpha1.OverrideGrant{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	grant.Status.ID = "grant." + name.Name
	grant.Status.Overrides = "*.shop:v2"
	grant.Status.KeyID = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
	if rapid.Bool().Draw(t, "accepted") {
		grant.Status.Conditions = []metav1.Condition{{Type: v1alpha1.PolicyConditionAccepted, Status: metav1.ConditionTrue}}
	}
	return name, grant
}

// live lists the live grants as text.
func (w *world) live(t *rapid.T) string {
	t.Helper()
	var out []string
	for _, object := range w.objects {
		if g, is := object.(*v1alpha1.OverrideGrant); is && len(g.Status.Conditions) > 0 && g.Status.Conditions[0].Status == metav1.ConditionTrue {
			out = append(out, g.Name+"="+g.Status.ID)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func hasGrants(c island.Compiled) bool {
	return slices.ContainsFunc(c.Result.Tables, func(t route.Table) bool { return t.Grants != nil })
}
