package mesh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// ListenerHost names a virtual host of the pods of Kubernetes Gateways. All HTTPRoutes and
// GRPCRoutes that have the same one are asked for the same requests.
type ListenerHost struct {
	// Configuration is the route configuration that has it: one for each HTTPS listener, and one
	// for all HTTP listeners of a port of the same pods (pilot/pkg/model: gatewayRDSRouteName).
	Configuration string
	// Domain is the narrower one of the hostname of a route and that of a listener.
	Domain string
}

// placed is a hostname of a route at a listener that admits it.
type placed struct {
	ListenerHost

	parent route.Parent
	// list names the list of rules that istiod sorts: that of a hostname, as routes have it, at
	// one listener.
	list string
}

// ListenerHostsOf lists the virtual hosts that have the rules of an HTTPRoute, or of one with
// fewer parents, each once.
func (m *Mesh) ListenerHostsOf(r *model.HTTPRoute, a *route.Attachment) []ListenerHost {
	var out []ListenerHost
	for _, p := range m.placesOf(r.Kind(), r.Namespace, a) {
		if !slices.Contains(out, p.ListenerHost) {
			out = append(out, p.ListenerHost)
		}
	}
	return out
}

// NotAdmitted says why no listener of a parent has the rules of an HTTPRoute; empty if one has.
// The Gateway is known.
func (m *Mesh) NotAdmitted(r *model.HTTPRoute, p *route.Parent) string {
	one := &route.Attachment{Parents: []route.Parent{*p}, Hostnames: r.Attached.Hostnames}
	if len(m.placesOf(r.Kind(), r.Namespace, one)) > 0 {
		return ""
	}
	out := ""
	for _, l := range m.listenersOf(p) {
		if !fits(l.Listener, p) {
			continue
		}
		if out = m.refusal(l.Listener, r.Kind(), r.Namespace, one.Hostnames); out == "" {
			out = "other listeners of its port have the hostnames"
		}
		out = fmt.Sprintf("listener %s does not admit it: %s", l.Name, out)
	}
	if out == "" {
		out = "no listener has that name and port"
	}
	return fmt.Sprintf("%s %s/%s: %s", p.Kind, p.Namespace, p.Name, out)
}

// placesOf lists where the rules of a route of a namespace are (pilot/pkg/config/kube/gateway:
// HTTPRouteCollection). Where a Gateway is not known, its listeners may have any host.
func (m *Mesh) placesOf(kind, namespace string, a *route.Attachment) []placed {
	var out []placed
	for _, p := range a.Parents {
		listeners := m.listenersOf(&p)
		if len(listeners) == 0 {
			listeners = []parentListener{{Listener: &model.Listener{Name: p.Section}}}
		}
		for _, l := range listeners {
			if l.gateway != nil && (!fits(l.Listener, &p) || m.refusal(l.Listener, kind, namespace, a.Hostnames) != "") {
				continue
			}
			out = append(out, m.placesAt(&l, &p, a, listeners)...)
		}
	}
	return out
}

// placesAt lists the places of a route at one of the listeners of a parent.
func (m *Mesh) placesAt(l *parentListener, p *route.Parent, a *route.Attachment, all []parentListener) []placed {
	var out []placed
	for _, hostname := range HostnamesOf(a) {
		if isolated(hostname, l.Listener, all) {
			continue
		}
		for _, domain := range intersect([]string{serverHost(l.Listener)}, []string{hostname}) {
			out = append(out, placed{
				ListenerHost: ListenerHost{m.configurationOf(l, p), strings.ToLower(domain)},
				parent:       route.Parent{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name},
				list:         strings.Join([]string{p.Kind, p.Namespace, p.Name, l.Name, hostname}, "/"),
			})
		}
	}
	return out
}

// HostnamesOf lists the hostnames of a route; "*" if it has none.
func HostnamesOf(a *route.Attachment) []string {
	if len(a.Hostnames) == 0 {
		return []string{"*"}
	}
	return a.Hostnames
}

// parentListener is a listener of a parent, with its Gateway; nil if that is not known.
type parentListener struct {
	*model.Listener

	gateway *model.KubernetesGateway
}

// listenersOf lists the listeners of a parent: those of the Gateway itself, or of the
// ListenerSet.
func (m *Mesh) listenersOf(p *route.Parent) []parentListener {
	var out []parentListener
	for i := range m.snapshot.KubernetesGateways {
		g := &m.snapshot.KubernetesGateways[i]
		if !g.Serves(p) {
			continue
		}
		for j := range g.Listeners {
			if l := &g.Listeners[j]; (p.Kind == "Gateway") == (l.Set == [2]string{}) && (p.Kind == "Gateway" || l.Set == [2]string{p.Namespace, p.Name}) {
				out = append(out, parentListener{l, g})
			}
		}
	}
	return out
}

// fits reports whether a parent means a listener of its Gateway or ListenerSet.
func fits(l *model.Listener, p *route.Parent) bool {
	return (p.Port == 0 || p.Port == l.Port) && (p.Section == "" || p.Section == l.Name)
}

// refusal says why a listener does not admit a route of a namespace; empty if it does, or may
// (pilot/pkg/config/kube/gateway: referenceAllowed).
func (m *Mesh) refusal(l *model.Listener, kind, namespace string, hostnames []string) string {
	overlaps := func(h string) bool { return Overlap(serverHost(l), h) }
	if !slices.ContainsFunc(HostnamesOf(&route.Attachment{Hostnames: hostnames}), overlaps) {
		return "it is for host " + l.Hostname
	}
	if permitted, known := l.Namespaces.Permits(namespace, m.snapshot.NamespaceLabels[namespace]); known && !permitted {
		return "its allowedRoutes do not have namespace " + namespace
	}
	if l.Protocol != "HTTP" && l.Protocol != "HTTPS" {
		return "its protocol is " + l.Protocol
	}
	if l.Kinds != nil && !slices.Contains(l.Kinds, kind) {
		return "its allowedRoutes do not have kind " + kind
	}
	return ""
}

// serverHost is the host of a listener.
func serverHost(l *model.Listener) string {
	if l.Hostname == "" {
		return "*"
	}
	return l.Hostname
}

// isolated reports whether a listener does not have a hostname of a route, since another
// listener of the same parent and port is for a narrower one (pilot/pkg/config/kube/gateway:
// hostnameAllowedByIsolation).
func isolated(hostname string, own *model.Listener, all []parentListener) bool {
	if own.Hostname != "" && !isWildcard(own.Hostname) {
		return false
	}
	return slices.ContainsFunc(all, func(o parentListener) bool {
		same := o.Port == own.Port && o.Protocol == own.Protocol && o.Hostname != own.Hostname
		return same && len(own.Hostname) <= len(o.Hostname) && subsetOf(hostname, o.Hostname)
	})
}

// configurationOf names the route configuration of a listener.
func (m *Mesh) configurationOf(l *parentListener, p *route.Parent) string {
	switch {
	case l.gateway == nil:
		return fmt.Sprintf("%s %s/%s", p.Kind, p.Namespace, p.Name)
	case l.Protocol == "HTTPS":
		return fmt.Sprintf("listener %s of %s %s/%s", l.Name, p.Kind, p.Namespace, p.Name)
	}
	return fmt.Sprintf("port %d of Gateway %s", l.Port, m.podsOf[l.gateway])
}

// indexKubernetesGateways finds Gateways that have the same pods. One of them stands for all.
func (m *Mesh) indexKubernetesGateways() {
	m.podsOf = map[*model.KubernetesGateway]string{}
	for i := range m.snapshot.KubernetesGateways {
		g := &m.snapshot.KubernetesGateways[i]
		name := g.Namespace + "/" + g.Name
		for _, service := range g.Services {
			for o, pods := range m.podsOf {
				if slices.Contains(o.Services, service) {
					m.renamePods(pods, name)
				}
			}
		}
		m.podsOf[g] = name
	}
}

func (m *Mesh) renamePods(from, to string) {
	for g, pods := range m.podsOf {
		if pods == from {
			m.podsOf[g] = to
		}
	}
}
