package compile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/model"
)

// meshIndex finds the user's Istio objects by host.
type meshIndex struct {
	// virtualServices and rules hold objects under each of their hosts, as
	// Istio resolves it; in each list the order is Istio's: age, name, namespace.
	virtualServices hostIndex[*model.VirtualService]
	rules           hostIndex[*model.DestinationRule]
	// delegates finds VirtualServices by namespace and name.
	byName map[[2]string]*model.VirtualService
	// serviceRoutes finds Gateway API routes by the Service they are attached to.
	serviceRoutes map[[2]string]*model.ServiceRoute
	// fromGateways finds a VirtualService bound to a gateway by its destinations.
	fromGateways map[string]*model.VirtualService
}

// hostIndex keeps objects by exact host and by wildcard.
type hostIndex[T any] struct {
	exact    map[string][]T
	wildcard map[string][]T
}

func (x *hostIndex[T]) add(host string, object T) {
	if x.exact == nil {
		x.exact, x.wildcard = map[string][]T{}, map[string][]T{}
	}
	if strings.HasPrefix(host, "*") {
		x.wildcard[host] = append(x.wildcard[host], object)
		return
	}
	x.exact[host] = append(x.exact[host], object)
}

// covering returns the wildcards that cover host, the longest first: Istio
// takes the most specific.
func (x *hostIndex[T]) covering(host string) []string {
	var out []string
	for pattern := range x.wildcard {
		if strings.HasSuffix(host, strings.TrimPrefix(pattern, "*")) {
			out = append(out, pattern)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return out
}

func (c *compiler) indexMesh() *meshIndex {
	x := &meshIndex{
		byName:        map[[2]string]*model.VirtualService{},
		serviceRoutes: map[[2]string]*model.ServiceRoute{},
		fromGateways:  map[string]*model.VirtualService{},
	}
	for _, v := range byAge(c.snapshot.VirtualServices, func(v *model.VirtualService) (time.Time, string, string) {
		return v.Created, v.Name, v.Namespace
	}) {
		x.byName[[2]string{v.Namespace, v.Name}] = v
		if boundToMesh(v) {
			for _, host := range v.Spec.GetHosts() {
				x.virtualServices.add(strings.ToLower(c.resolve(host, v.Namespace)), v)
			}
		}
		c.indexGateways(x, v)
	}
	for _, d := range byAge(c.snapshot.DestinationRules, func(d *model.DestinationRule) (time.Time, string, string) {
		return d.Created, d.Name, d.Namespace
	}) {
		x.rules.add(c.resolve(d.Spec.GetHost(), d.Namespace), d)
	}
	for i := range c.snapshot.ServiceRoutes {
		r := &c.snapshot.ServiceRoutes[i]
		for _, s := range r.Services {
			x.serviceRoutes[s] = r
		}
	}
	return x
}

// indexGateways notes which hosts v leads to from a gateway.
func (c *compiler) indexGateways(x *meshIndex, v *model.VirtualService) {
	if !slices.ContainsFunc(v.Spec.GetGateways(), func(g string) bool { return g != meshGateway }) {
		return
	}
	for _, h := range v.Spec.GetHttp() {
		for _, r := range h.GetRoute() {
			host := c.resolve(r.GetDestination().GetHost(), v.Namespace)
			if x.fromGateways[host] == nil {
				x.fromGateways[host] = v
			}
		}
	}
}

// meshGateway is the name that stands for all sidecars.
const meshGateway = "mesh"

func boundToMesh(v *model.VirtualService) bool {
	gateways := v.Spec.GetGateways()
	return len(gateways) == 0 || slices.Contains(gateways, meshGateway)
}

// byAge returns pointers to the elements of list in Istio's order.
func byAge[T any](list []T, key func(*T) (created time.Time, name, namespace string)) []*T {
	out := make([]*T, 0, len(list))
	for i := range list {
		out = append(out, &list[i])
	}
	slices.SortFunc(out, func(a, b *T) int {
		createdA, nameA, namespaceA := key(a)
		createdB, nameB, namespaceB := key(b)
		return cmp.Or(createdA.Compare(createdB), cmp.Compare(nameA, nameB), cmp.Compare(namespaceA, namespaceB))
	})
	return out
}

// resolve returns host as Istio reads it in an object of namespace: a name
// without a dot is a Service of that namespace, everything else stands as it is.
func (c *compiler) resolve(host, namespace string) string {
	if host == "" || strings.ContainsAny(host, ".*:") {
		return host
	}
	return c.fqdn(host, namespace)
}

// isPublic reports whether exportTo means every namespace.
func isPublic(exportTo []string) bool {
	return len(exportTo) == 0 || slices.Contains(exportTo, "*")
}

// visibleIn returns the namespaces that exportTo means for an object of
// namespace, sorted; nil for all.
func visibleIn(exportTo []string, namespace string) []string {
	if isPublic(exportTo) {
		return nil
	}
	out := make([]string, 0, len(exportTo))
	for _, n := range exportTo {
		if n == "." {
			n = namespace
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
