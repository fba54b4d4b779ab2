package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// kubernetesHost is a host at a Kubernetes Gateway: its rules as one table, in the order in
// which the gateway tries them, and the gateway.
type kubernetesHost struct {
	gateway *caller
	port    uint32
	table   *route.Table
	// leadsTo are the hosts of its destinations.
	leadsTo []string
}

// kubernetesHost returns the most specific host at the Kubernetes Gateways that covers a
// name; nil if there is none.
func (r *meshRouting) kubernetesHost(name string) *kubernetesHost {
	if known, ok := r.kubernetes[name]; ok {
		return known
	}
	var hosts []mesh.VirtualHost
	found := r.mesh.KubernetesHosts(r.ours, mesh.Order{OursLast: true})
	for i := range found {
		hosts = append(hosts, mesh.VirtualHost{Domains: []string{found[i].Domain}})
	}
	var out *kubernetesHost
	if h := mesh.Lookup(hosts, name); h != nil {
		at := slices.IndexFunc(found, func(k mesh.KubernetesHost) bool { return k.Domain == h.Domains[0] })
		out = r.readHost(&found[at])
	}
	r.kubernetes[name] = out
	return out
}

// readHost makes the table of a host.
func (r *meshRouting) readHost(h *mesh.KubernetesHost) *kubernetesHost {
	out := &kubernetesHost{gateway: &caller{name: "gateway"}, port: 80, table: &route.Table{Namespace: h.Parent.Namespace, Name: h.Parent.Name}}
	for i := range r.snapshot.KubernetesGateways {
		g := &r.snapshot.KubernetesGateways[i]
		for _, l := range g.Listeners {
			own := h.Parent.Kind == "Gateway" && g.Namespace == h.Parent.Namespace && g.Name == h.Parent.Name
			if own || l.Set == [2]string{h.Parent.Namespace, h.Parent.Name} {
				out.gateway.namespace, out.gateway.kubernetes, out.port = g.Pods, g.Object(), l.Port
				break
			}
		}
	}
	for i := range h.Rules {
		row := r.rowOf(&h.Rules[i])
		out.table.Routes = append(out.table.Routes, row)
		for _, d := range row.Destinations {
			out.leadsTo = append(out.leadsTo, d.Host)
		}
	}
	return out
}

// rowOf returns a rule as a row.
func (r *meshRouting) rowOf(rule *mesh.AttachedRule) route.Route {
	if rule.Row != nil {
		out := *rule.Row
		out.Matches = []route.Match{withoutFillers(rule.Match)}
		if out.Response == nil && len(out.Destinations) == 0 {
			r.act(&out, out.Rule, rule.Object.Namespace)
		}
		return out
	}
	at := slices.IndexFunc(rule.User.Rules, func(r model.HTTPRule) bool { return &r.Matches[0] == &rule.Rule.Matches[0] })
	out := route.Route{Name: fmt.Sprintf("%s%s/%s#%d", usersRow, rule.Object.Namespace, rule.Object.Name, at+1), Kind: route.Released, Matches: []route.Match{*rule.Match}}
	var backends []json.RawMessage
	for i := range rule.Rule.Backends {
		backends = append(backends, rule.Rule.Backends[i].JSON)
	}
	whole, err := json.Marshal(map[string]any{"backendRefs": backends, "filters": rule.Rule.Body["filters"]})
	if err == nil {
		r.act(&out, whole, rule.Object.Namespace)
	}
	return out
}

// withoutFillers returns a match without the conditions that only give it a place before
// others: those that every value of a header fulfils that another condition is about.
func withoutFillers(m *route.Match) route.Match {
	out := *m
	out.Headers = nil
	for _, h := range m.Headers {
		again := slices.ContainsFunc(m.Headers, func(o route.Matcher) bool {
			return strings.EqualFold(o.Name, h.Name) && (o.Value != route.AnyValue || o.Name < h.Name)
		})
		if h.Value != route.AnyValue || !again {
			out.Headers = append(out.Headers, h)
		}
	}
	return out
}

// httpRule is the part of a rule that says what becomes of a request.
type httpRule struct {
	BackendRefs []struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Port      uint32 `json:"port"`
		Weight    int32  `json:"weight"`
	} `json:"backendRefs"`
	Filters []struct {
		RequestRedirect *struct {
			Hostname string `json:"hostname"`
			Path     struct {
				ReplaceFullPath string `json:"replaceFullPath"`
			} `json:"path"`
		} `json:"requestRedirect"`
	} `json:"filters"`
}

// act gives a row what its rule does: it leads to backends, redirects, or answers with 500.
func (r *meshRouting) act(to *route.Route, rule json.RawMessage, namespace string) {
	var in httpRule
	if json.Unmarshal(rule, &in) != nil {
		return
	}
	for _, f := range in.Filters {
		if f.RequestRedirect != nil {
			to.Base = &istioapi.HTTPRoute{Redirect: &istioapi.HTTPRedirect{Authority: f.RequestRedirect.Hostname, Uri: f.RequestRedirect.Path.ReplaceFullPath}}
			return
		}
	}
	for _, b := range in.BackendRefs {
		if b.Namespace == "" {
			b.Namespace = namespace
		}
		d := route.Destination{Host: r.mesh.FQDN(b.Name, b.Namespace), Port: b.Port}
		if len(in.BackendRefs) > 1 {
			d.Weight = b.Weight
		}
		to.Destinations = append(to.Destinations, d)
	}
	if len(to.Destinations) == 0 {
		to.Response = &route.Response{Status: 500}
	}
}

// atKubernetesGateway answers for a call that a Kubernetes Gateway makes.
func (r *meshRouting) atKubernetesGateway(c *call, h *kubernetesHost, order mesh.Order) inForce {
	class := mesh.GatewayClass(model.GatewayPods{Namespace: c.caller.Namespace, Labels: c.caller.Labels}, "")
	return inForce{table: h.table, proxy: &clusters{r.mesh.Island(h.leadsTo, r.ours, order), class, c.port}}
}

// usersRow begins the names of rows that are rules of users, with the number of the rule.
const usersRow = "HTTPRoute "

// mergeRows makes one row of those that a Kubernetes Gateway has for one row of Overrides: an
// HTTPRoute needs several to say the same. They have one name, with the number of the part
// after "+", and stand between the same rules of users.
func mergeRows(rows []Row) []Row {
	var out []Row
	begin := 0
	for _, r := range rows {
		if strings.HasPrefix(r.Name, usersRow) {
			out = append(out, r)
			begin = len(out)
			continue
		}
		r.Name, _, _ = strings.Cut(r.Name, "+")
		at := slices.IndexFunc(out[begin:], func(o Row) bool { return o.Name == r.Name && o.To == r.To })
		if at < 0 {
			out = append(out, r)
			continue
		}
		if into := &out[begin+at]; r.Taken || r.Fits && !into.Fits {
			r.asked = r.asked || into.asked
			*into = r
		}
	}
	return out
}
