package istio

import (
	"encoding/json"
	"fmt"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TableObject returns the name of the VirtualService of a table, or of its HTTPRoute.
func TableObject(t *route.Table) diag.Object {
	if t.Attached != nil {
		return diag.Object{Kind: HTTPRouteKind, Namespace: t.Namespace, Name: t.Name}
	}
	return diag.Object{Kind: "VirtualService", Namespace: t.Namespace, Name: t.Name}
}

// RuleObject returns the name of the DestinationRule of a subset rule.
func RuleObject(r *route.SubsetRule) diag.Object {
	return diag.Object{Kind: "DestinationRule", Namespace: r.Namespace, Name: r.Name}
}

// Backend is the back end of a plan for VirtualServices and DestinationRules.
type Backend struct{}

// TableObject is [TableObject].
func (Backend) TableObject(t *route.Table) diag.Object { return TableObject(t) }

// RuleObject is [RuleObject].
func (Backend) RuleObject(r *route.SubsetRule) diag.Object { return RuleObject(r) }

// EncodeTable returns the VirtualService of t; nothing, with a diagnostic, if it would be
// refused.
func (Backend) EncodeTable(t *route.Table) ([]byte, []diag.Diagnostic, error) {
	return only(Objects([]route.Table{*t}, nil))
}

// EncodeRule returns the DestinationRule of r; nothing, with a diagnostic, if it would be
// refused.
func (Backend) EncodeRule(r *route.SubsetRule) ([]byte, []diag.Diagnostic, error) {
	return only(Objects(nil, []route.SubsetRule{*r}))
}

func only(objects []Object, diags []diag.Diagnostic, err error) ([]byte, []diag.Diagnostic, error) {
	if err != nil || len(objects) == 0 {
		return nil, diags, err
	}
	return objects[0].JSON, diags, nil
}

// WithoutRows returns a VirtualService of Overrides without the rows for overrides that
// are not kept and, unless exportTo is nil, with another exportTo. An HTTPRoute without any
// row is nil: it would take every request.
func (Backend) WithoutRows(of Object, keep func(row string) bool, exportTo []string) ([]byte, error) {
	if of.Kind == HTTPRouteKind {
		return httpRouteWithoutRows(of, keep)
	}
	var object istionetv1.VirtualService
	if err := json.Unmarshal(of.JSON, &object); err != nil {
		return nil, fmt.Errorf("decode %s: %w", of.Object, err)
	}
	object.Spec.Http = slices.DeleteFunc(object.Spec.Http, func(h *istioapi.HTTPRoute) bool {
		return isOverride(h) && !keep(h.GetName())
	})
	if exportTo != nil {
		object.Spec.ExportTo = exportTo
	}
	changed, err := Canonical(&object.ObjectMeta, of.Kind, &object.Spec)
	return changed.JSON, err
}

// WithoutGrants is [grammar.WithoutGrants].
func (Backend) WithoutGrants(object []byte, live []string) []byte {
	return grammar.WithoutGrants(object, live)
}

// WithoutSubsets returns a DestinationRule of Overrides without the subsets that are not
// kept.
func (Backend) WithoutSubsets(of Object, keep func(subset string) bool) ([]byte, error) {
	var object istionetv1.DestinationRule
	if err := json.Unmarshal(of.JSON, &object); err != nil {
		return nil, fmt.Errorf("decode %s: %w", of.Object, err)
	}
	object.Spec.Subsets = slices.DeleteFunc(object.Spec.Subsets, func(s *istioapi.Subset) bool { return !keep(s.GetName()) })
	changed, err := Canonical(&object.ObjectMeta, of.Kind, &object.Spec)
	return changed.JSON, err
}

// UsersSubsets returns the subsets that users' DestinationRules provide, with the hosts as
// Istio reads them.
func (Backend) UsersSubsets(s *model.Snapshot) []route.PlacedSubsets {
	out := make([]route.PlacedSubsets, len(s.DestinationRules))
	for i := range s.DestinationRules {
		d := &s.DestinationRules[i]
		out[i] = *ReadSubsets(d.Spec)
		out[i].Host = s.Options.Resolve(out[i].Host, d.Namespace)
	}
	return out
}
