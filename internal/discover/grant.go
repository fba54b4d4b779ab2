package discover

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// decodeGrant refuses unknown fields, as decodePolicy does.
func decodeGrant(doc []byte) (metav1.Object, error) {
	object := &v1alpha1.OverrideGrant{}
	return object, strictly(doc, object, kjson.DisallowDuplicateFields, kjson.DisallowUnknownFields)
}

// isLive reports whether a grant is accepted, as its status says.
func isLive(g *v1alpha1.OverrideGrant) bool {
	return g.DeletionTimestamp == nil && g.Status.ID != "" && meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.PolicyConditionAccepted)
}

// SameGrant reports whether two states of a grant have the same effect on routes.
func SameGrant(a, b *v1alpha1.OverrideGrant) bool {
	return isLive(a) == isLive(b) && (!isLive(a) || a.Status.ID == b.Status.ID && a.Status.Overrides == b.Status.Overrides)
}

// readGrants adds the live grants. The operator decides which it accepts, and says so in the
// status; manifests have none.
func (r *reader) readGrants() {
	for _, g := range r.OverrideGrants {
		if !isLive(g) {
			continue
		}
		members, err := grammar.Parse(g.Status.Overrides)
		if err != nil {
			continue // no token says so
		}
		r.snapshot.OverrideGrants = append(r.snapshot.OverrideGrants, model.OverrideGrant{Namespace: g.Namespace, Name: g.Name, Created: g.CreationTimestamp.Time, ID: g.Status.ID, Members: members})
	}
	slices.SortFunc(r.snapshot.OverrideGrants, func(a, b model.OverrideGrant) int {
		return cmp.Or(a.Created.Compare(b.Created), byName(a.Namespace, a.Name, b.Namespace, b.Name))
	})
}
