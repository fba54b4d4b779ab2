package model

import (
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// VirtualService is a VirtualService that the user wrote.
type VirtualService struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: only that istiod reads the object;
	// empty if all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.VirtualService
	// Unknown lists fields that this version of Overrides does not know, and that an
	// adopted copy would lose.
	Unknown []string
	// Steered names the controller that changes its weights and destinations.
	Steered Steering
}

// Object returns the name of v for diagnostics.
func (v *VirtualService) Object() diag.Object {
	return diag.Object{Kind: "VirtualService", Namespace: v.Namespace, Name: v.Name}
}

// DestinationRule is a DestinationRule that the user wrote.
type DestinationRule struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Revision is the value of the label istio.io/rev: only that istiod reads the object;
	// empty if all do.
	Revision string
	// Spec is the user's specification; never changed.
	Spec *istioapi.DestinationRule
	// Unknown lists fields that this version of Overrides does not know.
	Unknown []string
	// Steered names the controller that changes its subsets.
	Steered Steering
}

// Object returns the name of d for diagnostics.
func (d *DestinationRule) Object() diag.Object {
	return diag.Object{Kind: "DestinationRule", Namespace: d.Namespace, Name: d.Name}
}

// Sidecar is an Istio Sidecar: it says what proxies import.
type Sidecar struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	Revision        string
	// Spec is the user's specification; never changed.
	Spec *istioapi.Sidecar
}

// Object returns the name of s for diagnostics.
func (s *Sidecar) Object() diag.Object {
	return diag.Object{Kind: "Sidecar", Namespace: s.Namespace, Name: s.Name}
}

// ServiceEntry is an Istio ServiceEntry: it adds hosts to the mesh.
type ServiceEntry struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	Revision        string
	// Spec is the user's specification; never changed.
	Spec *istioapi.ServiceEntry
}

// Object returns the name of s for diagnostics.
func (s *ServiceEntry) Object() diag.Object {
	return diag.Object{Kind: "ServiceEntry", Namespace: s.Namespace, Name: s.Name}
}
