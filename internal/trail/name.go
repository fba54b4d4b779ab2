package trail

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Service returns the name of the called Service and its namespace: by the row that took the
// request, else by its cluster, else by the host that the caller named. The namespace is empty
// for a host that is not one of the cluster.
func (h *Hop) Service() (name, namespace string) {
	r := h.first()
	asked, askedIn := serviceOf(r.Authority, r.Proxy.Namespace)
	name, namespace = asked, askedIn
	if cluster, _, is := istio.ParseCluster(r.Cluster); is && r.Side != Inbound {
		if of, in := serviceOf(cluster.Host, ""); in != "" {
			name, namespace = of, in
		}
	}
	if of := rowService(r.Route); of != "" && r.Side != Inbound {
		if name = of; of == asked {
			namespace = cmp.Or(askedIn, namespace)
		}
	}
	return name, namespace
}

// serviceOf returns the Service and the namespace of a host as programs and proxies name it; the
// whole host and no namespace if it is not a name of the cluster.
func serviceOf(host, namespace string) (string, string) {
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:at]
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return host, ""
	}
	switch parts := strings.SplitN(strings.TrimSuffix(host, "."), ".", 4); {
	case len(parts) == 1:
		return host, namespace
	case len(parts) == 2, parts[2] == "svc":
		return parts[0], parts[1]
	}
	return host, ""
}

// rowService returns the Service in the name of a row for overrides; empty for other rows.
func rowService(row string) string {
	for _, kind := range []route.Kind{route.Override, route.Unavailable} {
		if rest, found := strings.CutPrefix(row, string(kind)+"."); found {
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, grammar.SetName+"."), ".")
			if at := strings.IndexAny(name, "#:~"); at >= 0 {
				name = name[:at]
			}
			return name
		}
	}
	return ""
}

// rowVersion returns the version that a row for overrides of a Service leads to, one of those
// that were asked for; empty if it is none of them. What follows the version in the name is a
// condition or the name of the user's row: of several that fit, it is the longest.
func rowVersion(row, service string, asked []grammar.Member) string {
	rest, found := strings.CutPrefix(row, string(route.Override)+".")
	if rest, found = cutBoth(rest, found, service+"."); !found {
		return ""
	}
	best := ""
	for _, m := range asked {
		after, fits := strings.CutPrefix(rest, m.Version)
		if fits && (after == "" || strings.ContainsRune(".#:~", rune(after[0]))) && len(m.Version) > len(best) {
			best = m.Version
		}
	}
	return best
}

func cutBoth(rest string, found bool, prefix string) (string, bool) {
	if !found {
		return "", false
	}
	return strings.CutPrefix(strings.TrimPrefix(rest, grammar.SetName+"."), prefix)
}

// Workload names what was called, and its namespace: the workload of the called pod, as its proxy
// or the caller's says; empty if neither does.
func (h *Hop) Workload() (name, namespace string) {
	switch {
	case h.In != nil:
		return cmp.Or(h.In.Proxy.Workload, h.In.Proxy.Pod), h.In.Proxy.Namespace
	case h.Out != nil:
		return h.Out.Served.Name, h.Out.Served.Namespace
	}
	return "", ""
}

// Version is the version of the called pod by a label; empty if it is not known.
func (h *Hop) Version(label string) string {
	if h.In != nil && h.In.Proxy.Labels[label] != "" {
		return h.In.Proxy.Labels[label]
	}
	if h.Out != nil {
		return h.Out.Served.Revision
	}
	return ""
}

// Pod is the called pod; empty if it is not known.
func (h *Hop) Pod() string {
	if h.In != nil {
		return h.In.Proxy.Pod
	}
	return ""
}

// identity is the name by which the rows of proxies know a caller: its label app, else its
// canonical name.
func (p *Proxy) identity() string {
	return cmp.Or(p.Labels["app"], p.Labels["service.istio.io/canonical-name"], p.Workload)
}

// Caller names what made the call, for people: a Service, a workload, or "the client".
func (h *Hop) Caller() string {
	switch p := h.parent; {
	case h.Out == nil && p == nil:
		return "the client"
	case h.Out == nil:
		return p.Caller() // a try
	case h.Out.Side == Gateway:
		return "gateway " + cmp.Or(h.Out.Proxy.Workload, h.Out.Proxy.Pod)
	case p != nil:
		name, _ := p.Service()
		return name
	}
	return cmp.Or(h.Out.Proxy.Workload, h.Out.Proxy.Pod)
}

// Called names what was called, for people.
func (h *Hop) Called() string {
	if h.In != nil && h.In.Side == Gateway {
		return "gateway " + cmp.Or(h.In.Proxy.Workload, h.In.Proxy.Pod)
	}
	name, _ := h.Service()
	return name
}

// carries reports whether a request had a member at a proxy.
func (r *Record) carries(m grammar.Member) bool {
	if slices.Contains(r.members(), m) {
		return true
	}
	baggage := grammar.Member{Service: m.Service, Namespace: m.Namespace, Version: m.Version}
	return baggage != m && slices.Contains(r.members(), baggage)
}
