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

// KubernetesHost is a virtual host of the pods of Kubernetes Gateways, with the rules of all
// HTTPRoutes for it, whichever namespaces they are in.
//
// Istio sorts the rules of all HTTPRoutes and GRPCRoutes with the same hostname, as written, at
// a listener (pilot/pkg/config/kube/gateway: mergeHTTPRoutes). If hostnames differ, but a
// listener has one host of both, their lists come one after the other, in the order of the
// ages of their oldest routes (pilot/pkg/networking/core: buildGatewayHTTPRouteConfig).
type KubernetesHost struct {
	ListenerHost

	// Parent is the first one by which it has rules, without section and port.
	Parent route.Parent
	// Users are the users' HTTPRoutes and GRPCRoutes that it has.
	Users []*model.HTTPRoute
	// Mixed is set if it has several lists of different routes: then an object of Overrides may
	// change their order, and the order of the rules does not follow from what they match.
	Mixed bool
	// Rules are in the order in which the gateway tries them, those of a GRPCRoute left out.
	Rules []AttachedRule

	lists map[string]*ruleList
}

// ruleList is a list of rules that Istio sorts.
type ruleList struct {
	routes []diag.Object
	rules  []AttachedRule
	oldest time.Time
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
// requests unless a host is mixed, so that one is enough; order.OursLast says where those of
// Overrides are.
func (m *Mesh) KubernetesHosts(ours *Ours, order Order) []KubernetesHost {
	at := map[ListenerHost]*KubernetesHost{}
	for i := range m.snapshot.HTTPRoutes {
		r := &m.snapshot.HTTPRoutes[i]
		for _, p := range m.placesOf(r.Kind(), r.Namespace, &r.Attached) {
			h := hostAt(at, &p)
			if !slices.Contains(h.Users, r) {
				h.Users = append(h.Users, r)
			}
			h.add(p.list, r.Object(), RulesOf(r), r.Created)
		}
	}
	if ours != nil {
		for _, t := range ours.attached {
			for _, p := range m.placesOf(istio.HTTPRouteKind, t.Namespace, t.Attached) {
				hostAt(at, &p).add(p.list, istio.TableObject(t), rowsOf(t), time.Time{})
			}
		}
	}
	var out []KubernetesHost
	for _, key := range slices.SortedFunc(maps.Keys(at), func(a, b ListenerHost) int {
		return cmp.Or(cmp.Compare(a.Configuration, b.Configuration), cmp.Compare(a.Domain, b.Domain))
	}) {
		at[key].merge(order)
		out = append(out, *at[key])
	}
	return out
}

// hostAt returns the host of a place.
func hostAt(at map[ListenerHost]*KubernetesHost, p *placed) *KubernetesHost {
	if at[p.ListenerHost] == nil {
		at[p.ListenerHost] = &KubernetesHost{ListenerHost: p.ListenerHost, Parent: p.parent, lists: map[string]*ruleList{}}
	}
	return at[p.ListenerHost]
}

// add adds the rules of an object to a list; created is zero for those of Overrides.
func (h *KubernetesHost) add(list string, object diag.Object, rules []AttachedRule, created time.Time) {
	l := h.lists[list]
	if l == nil {
		l = &ruleList{}
		h.lists[list] = l
	}
	if slices.Contains(l.routes, object) {
		return
	}
	l.routes, l.rules = append(l.routes, object), append(l.rules, rules...)
	if l.oldest.IsZero() || !created.IsZero() && created.Before(l.oldest) {
		l.oldest = created
	}
}

// merge makes one list of all. Of those with the same routes only the first counts.
func (h *KubernetesHost) merge(order Order) {
	var lists []*ruleList
	for _, name := range slices.Sorted(maps.Keys(h.lists)) {
		l := h.lists[name]
		if !slices.ContainsFunc(lists, func(o *ruleList) bool { return slices.Equal(o.routes, l.routes) }) {
			lists = append(lists, l)
		}
	}
	slices.SortStableFunc(lists, func(a, b *ruleList) int { return a.oldest.Compare(b.oldest) })
	h.Mixed = len(lists) > 1
	for _, l := range lists {
		SortRules(l.rules, order)
		h.Rules = append(h.Rules, l.rules...)
	}
	if h.Mixed { // pilot/pkg/networking/core/route: SortVHostRoutes
		last := func(r AttachedRule) bool { return takesAll(r.Match) }
		notLast := func(r AttachedRule) bool { return !last(r) }
		h.Rules = slices.Concat(slices.DeleteFunc(slices.Clone(h.Rules), last), slices.DeleteFunc(slices.Clone(h.Rules), notLast))
	}
	h.lists = nil
}

// takesAll reports whether a match is for every request (pilot/pkg/networking/core/route:
// IsCatchAllRoute).
func takesAll(m *route.Match) bool {
	everyPath := m.URI.Op == route.PathPrefix && m.URI.Value == "/" || m.URI.Op == route.Regex && m.URI.Value == route.AnyValue
	return everyPath && m.Method == nil && len(m.Headers) == 0 && len(m.QueryParams) == 0
}

// Attached lists the attached tables: those that become HTTPRoutes.
func (o *Ours) Attached() []*route.Table { return o.attached }

// ReachedFrom reports whether proxies of a namespace know a Service of a host, and it has a
// port.
func (m *Mesh) ReachedFrom(namespace, host string, port uint32) bool {
	s := m.services[host]
	return s != nil && s.scope.Includes(namespace) && s.hasPort(port)
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
	if exclude(a.Headers, b.Headers) || exclude(a.QueryParams, b.QueryParams) {
		return false
	}
	return a.URI.Op == route.Regex || a.URI.Value == b.URI.Value
}

// exclude reports whether no values fit both lists, since one requires a value of a header or a
// parameter that the other does not fit.
func exclude(a, b route.Matchers) bool {
	return slices.ContainsFunc(a, func(x route.Matcher) bool {
		return slices.ContainsFunc(b, func(y route.Matcher) bool {
			return strings.EqualFold(x.Name, y.Name) && (x.Op == route.Exact && !y.Match(x.Value) || y.Op == route.Exact && !x.Match(y.Value))
		})
	})
}
