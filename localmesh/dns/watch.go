package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
)

// Watch returns a lookup in the Services and EndpointSlices of an API server, which it
// watches until ctx ends.
func Watch(ctx context.Context, client kubernetes.Interface) (Lookup, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	z := zone{
		services: factory.Core().V1().Services().Lister(),
		slices:   factory.Discovery().V1().EndpointSlices().Lister(),
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, errors.Join(fmt.Errorf("list %v", kind), ctx.Err())
		}
	}
	return z.lookup, nil
}

// zone looks up the names of cluster.local.
type zone struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
}

// lookup knows these names:
//
//	SERVICE.NAMESPACE.svc.cluster.local        the cluster IP, or pods if headless
//	HOST.SERVICE.NAMESPACE.svc.cluster.local   a pod with that host name
//	10-244-1-5.NAMESPACE.pod.cluster.local     a pod by address
//	NAMESPACE.svc.cluster.local and above      nothing, but they exist
func (z zone) lookup(name string) (Answer, bool) {
	rest, ours := strings.CutSuffix("."+name, "."+Domain)
	if !ours {
		return Answer{}, false
	}
	parts := strings.Split(strings.TrimPrefix(rest, "."), ".")
	slices.Reverse(parts)
	switch {
	case rest == "", len(parts) == 1 && (parts[0] == "svc" || parts[0] == "pod"):
		return Answer{}, true
	case parts[0] == "pod" && len(parts) == 3:
		address, err := netip.ParseAddr(strings.ReplaceAll(parts[2], "-", "."))
		return Answer{Addresses: []netip.Addr{address}}, err == nil && address.Is4()
	case parts[0] == "svc" && len(parts) == 2:
		services, err := z.services.Services(parts[1]).List(labels.Everything())
		return Answer{}, err == nil && len(services) > 0
	case parts[0] == "svc" && len(parts) == 3:
		return z.service(parts[1], parts[2])
	case parts[0] == "svc" && len(parts) == 4:
		addresses := z.endpoints(parts[1], parts[2], parts[3])
		return Answer{Addresses: addresses}, len(addresses) > 0
	default:
		return Answer{}, false
	}
}

func (z zone) service(namespace, name string) (Answer, bool) {
	service, err := z.services.Services(namespace).Get(name)
	if err != nil {
		return Answer{}, false
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return Answer{Alias: service.Spec.ExternalName}, true
	}
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		return Answer{Addresses: z.endpoints(namespace, name, "")}, true
	}
	address, err := netip.ParseAddr(service.Spec.ClusterIP)
	if err != nil || !address.Is4() {
		return Answer{}, true
	}
	return Answer{Addresses: []netip.Addr{address}}, true
}

// endpoints returns the addresses of a headless Service's ready pods, all or those with a
// host name, sorted.
func (z zone) endpoints(namespace, service, host string) []netip.Addr {
	found, err := z.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, slice := range found {
		for _, endpoint := range slice.Endpoints {
			// With publishNotReadyAddresses the slice marks all as ready.
			ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			named := host == "" || endpoint.Hostname != nil && *endpoint.Hostname == host
			if !ready || !named {
				continue
			}
			for _, text := range endpoint.Addresses {
				if address, err := netip.ParseAddr(text); err == nil && address.Is4() {
					out = append(out, address)
				}
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
