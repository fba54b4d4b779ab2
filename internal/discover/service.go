package discover

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// readService returns a Service without the pods behind it.
func (r *reader) readService(in *corev1.Service) model.Service {
	object := diag.Object{Kind: "Service", Namespace: in.Namespace, Name: in.Name}
	out := model.Service{
		Namespace: in.Namespace, Name: in.Name, Origin: r.Origins[object],
		Created:      in.CreationTimestamp.Time,
		ExternalName: externalName(in),
		Headless:     in.Spec.ClusterIP == corev1.ClusterIPNone,
		Selector:     in.Spec.Selector,
		Steered:      r.steering.of(object, &in.ObjectMeta),
		ExportTo:     exportTo(in.Annotations[ExportToAnnotation]),
		Reachable:    reachable(&in.Spec),
		Expires:      r.expiry(object, in.Annotations[ExpiresAnnotation]),
	}
	for i := range in.Spec.Ports {
		if p := &in.Spec.Ports[i]; p.Port > 0 {
			http, detected := carriesHTTP(p)
			out.Ports = append(out.Ports, model.Port{Name: p.Name, Number: uint32(p.Port), HTTP: http, Detected: detected, Target: targetPort(p)}) //nolint:gosec // positive
		}
	}
	r.readAnnotations(&out, in.ObjectMeta)
	return out
}

// targetPort returns the port of the pods behind a port; 0 if it is named.
func targetPort(p *corev1.ServicePort) uint32 {
	switch {
	case p.TargetPort.Type == intstr.String:
		return 0
	case p.TargetPort.IntVal > 0:
		return uint32(p.TargetPort.IntVal) //nolint:gosec // positive
	}
	return uint32(p.Port) //nolint:gosec // positive
}

// externalName returns the name that in stands for, empty for a Service with pods.
func externalName(in *corev1.Service) string {
	if in.Spec.Type != corev1.ServiceTypeExternalName {
		return ""
	}
	return in.Spec.ExternalName
}

// ExportToAnnotation says which namespaces see a Service.
const ExportToAnnotation = "networking.istio.io/exportTo"

// exportTo reads the annotation of that name as Istio does (istio
// pilot/pkg/serviceregistry/kube: ConvertService). An empty annotation counts as none; one
// of blanks and commas names nobody.
func exportTo(value string) []string {
	if value == "" {
		return nil
	}
	out := split(value)
	if len(out) == 0 {
		return []string{"~"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reachable lists the ways to the pods of a Service, other than its cluster IP and
// its names, by which clients outside the mesh come in.
func reachable(spec *corev1.ServiceSpec) []string {
	var out []string
	switch spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		out = append(out, "LoadBalancer")
	case corev1.ServiceTypeNodePort:
		// The API server numbers ports that have no number.
		if !slices.ContainsFunc(spec.Ports, hasNodePort) {
			out = append(out, "NodePort")
		}
	case corev1.ServiceTypeExternalName:
		return nil
	case corev1.ServiceTypeClusterIP:
	}
	if spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, p := range spec.Ports {
			if hasNodePort(p) {
				out = append(out, fmt.Sprintf("NodePort %d", p.NodePort))
			}
		}
	}
	for _, ip := range spec.ExternalIPs {
		if ip = strings.TrimSpace(ip); ip != "" {
			out = append(out, "external IP "+ip)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func hasNodePort(p corev1.ServicePort) bool { return p.NodePort > 0 }
