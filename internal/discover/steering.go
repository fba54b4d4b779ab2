package discover

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	flaggerGroup = "flagger.app"
	canaryKind   = "Canary"
	rolloutKind  = "Rollout"
)

// steeringManagers are the field managers of the controllers that change routes, each with
// the kind of object that configures it. A client that sets no field manager gets the name
// of its program.
var steeringManagers = map[string]string{"flagger": canaryKind, "rollouts-controller": rolloutKind}

// canary is the fields of a Flagger Canary (flagger.app/v1beta1) that say what it steers.
type canary struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		Provider  string `json:"provider,omitempty"`
		TargetRef struct {
			Kind string `json:"kind,omitempty"`
			Name string `json:"name,omitempty"`
		} `json:"targetRef,omitzero"`
		Service struct {
			Name string `json:"name,omitempty"`
		} `json:"service,omitzero"`
	} `json:"spec,omitzero"`
}

// Canary is the trimmed form of a Flagger Canary.
type Canary struct {
	Meta

	// Apex is the name of the Service that callers use, and of the VirtualService.
	Apex string
	// Target is the workload that it rolls out.
	Target model.Workload
	// OtherMesh is set if it writes no VirtualService.
	OtherMesh bool
}

// canaryOf returns the trimmed form of in (flagger pkg/apis/flagger/v1beta1:
// GetServiceNames).
func canaryOf(in *canary) *Canary {
	return &Canary{
		Meta:      metaOf(in),
		Apex:      cmp.Or(in.Spec.Service.Name, in.Spec.TargetRef.Name),
		Target:    model.Workload{Kind: in.Spec.TargetRef.Kind, Name: in.Spec.TargetRef.Name},
		OtherMesh: in.Spec.Provider != "" && in.Spec.Provider != "istio",
	}
}

// Steers lists the objects that a Canary changes (flagger pkg/router).
func (c *Canary) Steers() []diag.Object {
	var out []diag.Object
	for _, name := range []string{c.Apex, c.Apex + "-primary", c.Apex + "-canary"} {
		out = append(out, diag.Object{Kind: "Service", Namespace: c.Namespace, Name: name})
		if !c.OtherMesh {
			out = append(out, diag.Object{Kind: "DestinationRule", Namespace: c.Namespace, Name: name})
		}
	}
	if !c.OtherMesh {
		out = append(out, diag.Object{Kind: "VirtualService", Namespace: c.Namespace, Name: c.Apex})
	}
	return out
}

// rolloutStrategy is the fields of the strategy of a [Rollout] that say what it steers.
type rolloutStrategy struct {
	Canary *struct {
		CanaryService  string `json:"canaryService,omitempty"`
		StableService  string `json:"stableService,omitempty"`
		TrafficRouting *struct {
			Istio *struct {
				VirtualService  *named  `json:"virtualService,omitempty"`
				VirtualServices []named `json:"virtualServices,omitempty"`
				DestinationRule *named  `json:"destinationRule,omitempty"`
			} `json:"istio,omitempty"`
		} `json:"trafficRouting,omitempty"`
	} `json:"canary,omitempty"`
	BlueGreen *struct {
		ActiveService  string `json:"activeService,omitempty"`
		PreviewService string `json:"previewService,omitempty"`
	} `json:"blueGreen,omitempty"`
}

type named struct {
	Name string `json:"name,omitempty"`
}

// steers lists the objects that a Rollout in namespace changes. The name of a
// VirtualService may have its namespace behind a dot (argo-rollouts utils/istio:
// GetVirtualServiceNamespaceName).
func (s *rolloutStrategy) steers(namespace string) []diag.Object {
	var out []diag.Object
	add := func(kind, name string) {
		if name == "" {
			return
		}
		object := diag.Object{Kind: kind, Namespace: namespace, Name: name}
		if parts := strings.Split(name, "."); kind == "VirtualService" && len(parts) > 1 {
			object.Name, object.Namespace = parts[0], parts[1]
		}
		out = append(out, object)
	}
	if b := s.BlueGreen; b != nil {
		add("Service", b.ActiveService)
		add("Service", b.PreviewService)
	}
	c := s.Canary
	if c == nil {
		return out
	}
	add("Service", c.StableService)
	add("Service", c.CanaryService)
	if c.TrafficRouting == nil || c.TrafficRouting.Istio == nil {
		return out
	}
	istio := c.TrafficRouting.Istio
	for _, v := range append(slices.Clone(istio.VirtualServices), pointed(istio.VirtualService)) {
		add("VirtualService", v.Name)
	}
	add("DestinationRule", pointed(istio.DestinationRule).Name)
	return out
}

// stable names the Service that callers use while nothing is rolled out.
func (s *rolloutStrategy) stable() string {
	switch {
	case s.BlueGreen != nil:
		return s.BlueGreen.ActiveService
	case s.Canary != nil:
		return s.Canary.StableService
	}
	return ""
}

func pointed(n *named) named {
	if n == nil {
		return named{}
	}
	return *n
}

// steering has the Canary or Rollout that steers an object, as it says itself.
type steering map[diag.Object]model.Steering

func (r *reader) indexSteering() {
	r.steering = steering{}
	for _, w := range r.Workloads {
		for _, o := range w.Steers {
			r.steering[o] = model.Steering{Kind: rolloutKind, Name: w.Name}
		}
	}
	for _, c := range r.Canaries {
		for _, o := range c.Steers() {
			r.steering[o] = model.Steering{Kind: canaryKind, Name: c.Name}
		}
	}
}

// of returns what steers an object: its owner, a Canary or Rollout that names it, or a
// controller that has written fields of it.
func (s steering) of(object diag.Object, meta *metav1.ObjectMeta) model.Steering {
	if owner := metav1.GetControllerOfNoCopy(meta); owner != nil && owner.Kind == canaryKind && strings.HasPrefix(owner.APIVersion, flaggerGroup+"/") {
		return model.Steering{Kind: canaryKind, Name: owner.Name}
	}
	if by, ok := s[object]; ok {
		return by
	}
	for _, f := range meta.ManagedFields {
		if kind := steeringManagers[f.Manager]; kind != "" {
			return model.Steering{Kind: kind}
		}
	}
	return model.Steering{}
}

// trimManagers returns the names of the managers that steer, each once.
func trimManagers(fields []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, f := range fields {
		known := func(o metav1.ManagedFieldsEntry) bool { return o.Manager == f.Manager }
		if steeringManagers[f.Manager] != "" && !slices.ContainsFunc(out, known) {
			out = append(out, metav1.ManagedFieldsEntry{Manager: f.Manager})
		}
	}
	return out
}
