package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// KubernetesHost is a host at a Gateway of the Gateway API or a ListenerSet, with the rules
// of all HTTPRoutes for it. Istio makes one list of them (pilot/pkg/config/kube/gateway:
// mergeHTTPRoutes), whichever namespaces they are in.
//
// An HTTPRoute with the namespace, the parents and the hostnames of another one is attached
// wherever that one is, and nowhere else. So it does not matter here which listeners admit
// which routes.
type KubernetesHost struct {
	// Parent has no section and no port.
	Parent   route.Parent
	Hostname string
	// Rules are in the order in which the gateway tries them.
	Rules []AttachedRule
}

// AttachedRule is a rule of an HTTPRoute with one of its matches.
type AttachedRule struct {
	Object diag.Object
	Match  *route.Match
	// User is the user's HTTPRoute, and Rule the rule; nil for those of Overrides.
	User *model.HTTPRoute
	Rule *model.HTTPRule
	// Row is the row of a table of Overrides; nil for users' rules.
	Row *route.Route

	created time.Time
}

// KubernetesHosts lists the hosts at Kubernetes Gateways, sorted, with the objects of
// Overrides if ours is not nil. Every order of the objects gives the same routes for ordinary
// requests, so that one is enough; order.OursLast says where those of Overrides are.
func (m *Mesh) KubernetesHosts(ours *Ours, order Order) []KubernetesHost {
	at := map[string]*KubernetesHost{}
	add := func(a *route.Attachment, rules []AttachedRule) {
		for _, h := range HostsOf(a) {
			key := strings.Join([]string{h.Parent.Kind, h.Parent.Namespace, h.Parent.Name, h.Hostname}, " ")
			if at[key] == nil {
				at[key] = &h
			}
			at[key].Rules = append(at[key].Rules, rules...)
		}
	}
	for i := range m.snapshot.HTTPRoutes {
		add(&m.snapshot.HTTPRoutes[i].Attached, RulesOf(&m.snapshot.HTTPRoutes[i]))
	}
	if ours != nil {
		for _, t := range ours.attached {
			add(t.Attached, rowsOf(t))
		}
	}
	var out []KubernetesHost
	for _, key := range slices.Sorted(maps.Keys(at)) {
		SortRules(at[key].Rules, order)
		out = append(out, *at[key])
	}
	return out
}

// Attached lists the attached tables: those that become HTTPRoutes.
func (o *Ours) Attached() []*route.Table { return o.attached }

// ReachedFrom reports whether proxies of a namespace know a Service of a host, and it has a
// port.
func (m *Mesh) ReachedFrom(namespace, host string, port uint32) bool {
	s := m.services[host]
	return s != nil && s.scope.Includes(namespace) && s.hasPort(port)
}

// HostsOf lists the hosts that an HTTPRoute is for, without rules.
func HostsOf(a *route.Attachment) []KubernetesHost {
	hostnames := a.Hostnames
	if len(hostnames) == 0 {
		hostnames = []string{"*"}
	}
	var out []KubernetesHost
	for _, p := range a.Parents {
		p.Section, p.Port = "", 0
		for _, h := range hostnames {
			if one := (KubernetesHost{Parent: p, Hostname: h}); !slices.ContainsFunc(out, func(o KubernetesHost) bool { return o.Parent == p && o.Hostname == h }) {
				out = append(out, one)
			}
		}
	}
	return out
}

// RulesOf lists the rules of a user's HTTPRoute, match by match.
func RulesOf(r *model.HTTPRoute) []AttachedRule {
	var out []AttachedRule
	for i := range r.Rules {
		for j := range r.Rules[i].Matches {
			out = append(out, AttachedRule{Object: r.Object(), Match: &r.Rules[i].Matches[j], User: r, Rule: &r.Rules[i], created: r.Created})
		}
	}
	return out
}

func rowsOf(t *route.Table) []AttachedRule {
	var out []AttachedRule
	for i := range t.Routes {
		for j := range t.Routes[i].Matches {
			out = append(out, AttachedRule{Object: istio.TableObject(t), Match: &t.Routes[i].Matches[j], Row: &t.Routes[i]})
		}
	}
	return out
}

// SortRules sorts rules as Istio does: those that match more specifically first, then those of
// older objects (pilot/pkg/config/kube/gateway: sortRoutesByCreationTime, sortHTTPRoutes).
func SortRules(rules []AttachedRule, order Order) {
	slices.SortStableFunc(rules, func(a, b AttachedRule) int {
		if ours := b.Row != nil; ours != (a.Row != nil) {
			if ours == order.OursLast {
				return -1
			}
			return 1
		}
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Name+"~", b.Object.Name+"~"))
	})
	slices.SortStableFunc(rules, func(a, b AttachedRule) int { return CompareMatches(a.Match, b.Match) })
}

// CompareMatches returns a negative number if Istio tries a before b because of what they
// match, and zero if their ages decide.
func CompareMatches(a, b *route.Match) int {
	return cmp.Or(comparePaths(a, b), cmp.Compare(len(b.Headers), len(a.Headers)), cmp.Compare(len(b.QueryParams), len(a.QueryParams)))
}

// comparePaths compares what comes before the number of headers: the kind of path, its
// length, and whether there is a method.
func comparePaths(a, b *route.Match) int {
	rank := func(m *route.Match) int {
		return slices.Index([]route.Op{route.Exact, route.PathPrefix, route.Regex}, m.URI.Op)
	}
	method := func(m *route.Match) int {
		if m.Method != nil {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.URI.Value), len(a.URI.Value)), cmp.Compare(method(b), method(a)))
}

// Compete reports whether some request may match both a and b, and the number of their headers
// decides which of the two a gateway tries first.
func Compete(a, b *route.Match) bool {
	if comparePaths(a, b) != 0 || a.Method != nil && a.Method.Value != b.Method.Value {
		return false
	}
	return a.URI.Op == route.Regex || a.URI.Value == b.URI.Value
}
