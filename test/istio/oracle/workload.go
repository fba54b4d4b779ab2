package oracle

import (
	"cmp"
	"maps"
	"slices"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/serviceregistry/serviceentry"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/config/schema/gvk"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// pod is a server at an address: a Pod, one that represents all replicas of a workload,
// or a WorkloadEntry.
type pod struct {
	namespace, name, address string
	labels                   map[string]string
	// ports are the named ports.
	ports map[string]uint32
	// entry is set for a WorkloadEntry.
	entry bool
}

func fromPod(p *corev1.Pod) pod {
	out := pod{
		namespace: p.Namespace, name: p.Name, address: p.Status.PodIP, labels: p.Labels,
		ports: map[string]uint32{},
	}
	for i := range p.Spec.Containers {
		for _, port := range p.Spec.Containers[i].Ports {
			if port.Name != "" {
				out.ports[port.Name] = uint32(port.ContainerPort)
			}
		}
	}
	return out
}

// fromEntry reads a WorkloadEntry; Kubernetes' Services select none without labels or at
// a host name.
func fromEntry(entry *config.Config) (pod, bool) {
	spec := serviceentry.ConvertWorkloadEntry(*entry)
	out := pod{
		namespace: entry.Namespace, name: entry.Name, address: spec.Address, labels: spec.Labels,
		ports: spec.Ports, entry: true,
	}
	return out, len(spec.Labels) > 0 && spec.Address != ""
}

// ready reports whether pod serves, as it does if its manifest has no status.
func ready(pod *corev1.Pod) bool {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	return pod.DeletionTimestamp == nil && (i < 0 || pod.Status.Conditions[i].Status == corev1.ConditionTrue)
}

// instance is p in the form that Istio's registries exchange.
func (p *pod) instance() *model.WorkloadInstance {
	return &model.WorkloadInstance{
		Name: p.name, Namespace: p.namespace, Kind: model.PodKind, PortMap: p.ports,
		Endpoint: p.endpoint(),
	}
}

func (p *pod) endpoint() *model.IstioEndpoint {
	return &model.IstioEndpoint{
		Addresses:    []string{p.address},
		Labels:       maps.Clone(p.labels),
		Namespace:    p.namespace,
		WorkloadName: p.name,
		HealthStatus: model.Healthy,
		Locality:     model.Locality{ClusterID: clusterID},
	}
}

// port returns the target port of p for a port of a Service.
func (p *pod) port(port *corev1.ServicePort) uint32 {
	if port.TargetPort.Type == intstr.String {
		if number, ok := p.ports[port.TargetPort.StrVal]; ok {
			return number
		}
	}
	if number, ok := p.ports[port.Name]; ok && p.entry {
		return number
	}
	return cmp.Or(uint32(port.TargetPort.IntVal), uint32(port.Port))
}

// connect adds service with the pods behind it: those that it selects, or those of
// EndpointSlices that another party maintains.
func (w *world) connect(service *corev1.Service, converted *model.Service) {
	host := string(converted.Hostname)
	for i := range w.pods {
		p := &w.pods[i]
		if len(service.Spec.Selector) == 0 || p.namespace != service.Namespace || !labels.Instance(service.Spec.Selector).SubsetOf(p.labels) {
			continue
		}
		if p.entry && converted.Resolution != model.ClientSideLB {
			continue // no Service that is headless has WorkloadEntries behind it
		}
		if !p.entry {
			w.behind[host] = append(w.behind[host], *p)
		}
		w.add(service, converted, p)
	}
	for _, slice := range w.slices {
		if slice.Namespace == service.Namespace && slice.Labels[discoveryv1.LabelServiceName] == service.Name {
			w.addSlice(service, converted, slice)
		}
	}
}

// addSlice adds the addresses of slice that no pod selected by service has.
func (w *world) addSlice(service *corev1.Service, converted *model.Service, slice *discoveryv1.EndpointSlice) {
	for _, endpoint := range slice.Endpoints {
		if ready := endpoint.Conditions.Ready; ready != nil && !*ready {
			continue
		}
		for _, address := range endpoint.Addresses {
			p := pod{namespace: slice.Namespace, name: address, address: address}
			if i := slices.IndexFunc(w.pods, func(p pod) bool { return p.address == address }); i >= 0 {
				p = w.pods[i]
			}
			host := string(converted.Hostname)
			if !slices.ContainsFunc(w.behind[host], func(known pod) bool { return known.address == address }) {
				w.behind[host] = append(w.behind[host], p)
				w.add(service, converted, &p)
			}
		}
	}
}

func (w *world) add(service *corev1.Service, converted *model.Service, p *pod) {
	for i, port := range converted.Ports {
		endpoint := p.endpoint()
		endpoint.EndpointPort = p.port(&service.Spec.Ports[i])
		endpoint.ServicePortName = port.Name
		w.instances = append(w.instances, &model.ServiceInstance{Service: converted, ServicePort: port, Endpoint: endpoint})
	}
}

// entries returns the WorkloadEntries among configs.
func entries(configs []config.Config) []pod {
	var out []pod
	for i := range configs {
		if configs[i].GroupVersionKind != gvk.WorkloadEntry {
			continue
		}
		if p, ok := fromEntry(&configs[i]); ok {
			out = append(out, p)
		}
	}
	return out
}
