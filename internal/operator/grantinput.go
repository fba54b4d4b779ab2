package operator

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grant"
)

// grantKinds are the kinds that only grants need.
var grantKinds = []kind{
	{Kind: discover.Kind{
		Group: v1alpha1.GroupName, Name: v1alpha1.KindOverrideGrantPolicy, Plural: "overridegrantpolicies", Served: []string{"v1alpha1"}, Scope: discover.Unscoped,
		Without: "no grant is accepted",
	}},
}

// readGrantPolicy reads a policy of grants.
func readGrantPolicy(u *unstructured.Unstructured) (*v1alpha1.OverrideGrantPolicy, error) {
	out := &v1alpha1.OverrideGrantPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out); err != nil {
		return nil, fmt.Errorf("decode OverrideGrantPolicy %s: %w", u.GetName(), err)
	}
	out.ManagedFields = nil
	return out, nil
}

// notifyGrants signals the loop of grants that something has changed that they depend on.
func (s *store) notifyGrants(name diag.Object) {
	switch name.Kind {
	case v1alpha1.KindOverrideGrant, v1alpha1.KindOverrideGrantPolicy, "Namespace":
	default:
		return
	}
	select {
	case s.grantsChanged <- struct{}{}:
	default:
	}
}

// grantInput returns what the store has about grants, in managed namespaces. The objects must
// not be changed.
func (s *store) grantInput() *grant.Input {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &grant.Input{Labels: map[string]map[string]string{}}
	for i := range grantKinds {
		if d, is := s.denied[grantKinds[i].key()]; is {
			out.Unread = "the operator may not read OverrideGrantPolicies, so no grant is accepted: " + d.Fix
		}
	}
	for name, x := range s.items {
		switch object := x.Object.(type) {
		case *v1alpha1.OverrideGrantPolicy:
			out.Policies = append(out.Policies, object)
		case *v1alpha1.OverrideGrant:
			if s.mode(name.Namespace) == managed && !s.isTerminating(name.Namespace) {
				out.Grants = append(out.Grants, object)
			}
		}
	}
	for _, g := range out.Grants {
		if n := s.existing[g.Namespace]; n != nil {
			out.Labels[g.Namespace] = n.Labels
		}
	}
	return out
}
