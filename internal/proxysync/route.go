package proxysync

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// quietPeriod is how long istiod must have sent a row before the row counts. Istiod reads
// all VirtualServices for a push if any of them is the reason for the push (Istio's
// model.PushContext.updateContext). So a push may contain a VirtualService whose own event
// comes later, and routes from istiod's cache may be older than that. The push for that
// event follows when istiod has debounced changes (100 ms), and is the one that counts.
const quietPeriod = 400 * time.Millisecond

// maxRouteNames bounds the route configurations to subscribe to at a time.
const maxRouteNames = 32

// Routes is an istiod's response to the operator's own subscription to route configurations.
type Routes struct {
	Istiod string
	// Nonce is that of the response.
	Nonce          string
	Configurations []Configuration
}

// Configuration is the relevant part of a route configuration.
type Configuration struct {
	Name string
	// Hosts is set if it has a virtual host.
	Hosts bool
	Rows  []Row
}

// Row is a route of a VirtualService, with the clusters that it leads to.
type Row struct {
	Object   diag.Object
	Name     string
	Clusters []string
}

// RouteNames lists the names of the route configurations that contain rows. Istiod uses a
// name with a host for ports whose protocol proxies detect, but answers such a name for any
// port, with the virtual host of that Service only (Istio's
// core.getVirtualHostsForSniffedServicePort). Rows beyond maxRouteNames are left to the
// propagation delay.
func RouteNames(rows []plan.PendingRow) []string {
	var out []string
	for i := range rows {
		names := routeNames(&rows[i])
		if more := slices.Compact(slices.Sorted(slices.Values(slices.Concat(out, names)))); len(more) <= maxRouteNames {
			out = more
		}
	}
	return out
}

func routeNames(row *plan.PendingRow) []string {
	var out []string
	for _, port := range row.Ports {
		out = append(out, row.Host+":"+strconv.FormatUint(uint64(port), 10))
	}
	return out
}

// rowKey is a row that exists since a time.
type rowKey struct {
	object diag.Object
	name   string
	since  time.Time
}

func keyOf(row *plan.PendingRow) rowKey { return rowKey{row.Object, row.Name, row.Since} }

// rowSeen is what an istiod sent about a row.
type rowSeen struct {
	// present is set if its latest response has the row; push is the first push known to
	// contain it. lacked is set if a response had the virtual host without the row.
	present, lacked bool
	push            uint64
	// since is when the row was first present. certain is set once that is quietPeriod ago:
	// later pushes have other reasons.
	since   time.Time
	certain bool
}

// updateRows carries over what an istiod sent about rows, and adds its responses of this
// round. before is nil if nothing is known.
func (r *round) updateRows(istiod string, next, before *instance) {
	for i := range r.PendingRows {
		row := &r.PendingRows[i]
		var s rowSeen
		if before != nil {
			s = before.rows[keyOf(row)]
		}
		for j := range r.Routes {
			if r.Routes[j].Istiod == istiod {
				s = s.next(&r.Routes[j], row, r.Now)
			}
		}
		// A round may have taken long, so this comes after the responses that arrived meanwhile.
		s.certain = s.present && r.Now.Sub(s.since) >= quietPeriod
		next.rows[keyOf(row)] = s
	}
}

// next returns what is known about a row after a response.
func (s rowSeen) next(response *Routes, row *plan.PendingRow, now time.Time) rowSeen {
	names := routeNames(row)
	answered, hosts, present := 0, false, false
	for i := range response.Configurations {
		c := &response.Configurations[i]
		if !slices.Contains(names, c.Name) {
			continue
		}
		answered++
		hosts = hosts || c.Hosts
		present = present || slices.ContainsFunc(c.Rows, func(r Row) bool { return r.matches(row) })
	}
	push, ok := pushNumber(response.Nonce)
	switch {
	case present && ok && !s.present:
		return rowSeen{present: true, lacked: s.lacked, push: push, since: now}
	case present && ok:
		if !s.certain {
			s.push = max(s.push, push)
		}
		return s
	case answered < len(names):
		// Another port may have the row.
		return s
	}
	return rowSeen{lacked: hosts}
}

// matches reports whether r is a pending row, and leads to the same cluster.
func (r *Row) matches(row *plan.PendingRow) bool {
	return r.Object == row.Object && r.Name == row.Name && slices.ContainsFunc(r.Clusters, func(name string) bool {
		to, _, is := istio.ParseCluster(name)
		return is && to == row.To
	})
}

// findAckedRoutes finds the versions whose routes every proxy has.
func (r *round) findAckedRoutes(missing int) {
	r.out.RoutesAcked = map[route.Version]time.Time{}
	lacking := map[route.Version]bool{}
	for i := range r.PendingRows {
		row := &r.PendingRows[i]
		if r.rowAcked(row, missing) {
			r.out.RoutesAcked[row.Version] = row.Since
		} else {
			lacking[row.Version] = true
		}
	}
	for v := range lacking {
		delete(r.out.RoutesAcked, v)
	}
}

// rowAcked reports whether every proxy has a row, according to this round and the one before.
func (r *round) rowAcked(row *plan.PendingRow, missing int) bool {
	key := keyOf(row)
	all := missing == 0 && len(r.Answers) > 0
	for i := range r.Answers {
		a := &r.Answers[i]
		s := r.next.istiods[a.Istiod].rows[key]
		for j := range a.Proxies {
			p := &a.Proxies[j]
			if r.ignored(p) {
				continue
			}
			state := r.rowState(a, p, row)
			r.noteState(Question{a.Istiod, p.ID}, state)
			all = all && s.certain && state == Synced
			r.out.RoutesBehind = r.out.RoutesBehind || state == Behind
		}
	}
	if !all {
		return false
	}
	return agreedLongEnough(r, r.Memory.rowsAgreed, r.next.rowsAgreed, key)
}

// rowState returns the state of a proxy with regard to a row.
func (r *round) rowState(a *Answer, p *Proxy, row *plan.PendingRow) State {
	in := r.next.istiods[a.Istiod]
	list, listed := in.lists[p.ID]
	listed = listed && list.knows(row.Host)
	switch {
	case p.Type == "router", !sees(p, row):
		// Rows are for sidecars and waypoints: a gateway has none.
		return Synced
	case listed && !list.hosts[row.Host] && !row.HostSince.IsZero() && r.Now.Sub(row.HostSince) >= minHostAge:
		return Synced
	}
	s := in.rows[keyOf(row)]
	routes := &p.Routes
	if p.Type == "waypoint" {
		routes = &p.Listeners // which contain its routes
	}
	acked, ok := pushNumber(routes.Acked)
	switch {
	case !s.present && s.lacked:
		return Behind
	case !s.present || !ok:
		return Unknown
	case acked >= s.push:
		return Synced
	case routes.Sent != routes.Acked:
		return r.lateState(routes)
	case s.lacked && (!listed || list.hosts[row.Host]):
		return Behind
	}
	// An earlier push than s.push may have had the row already.
	return Unknown
}

// sees reports whether a row is exported to the namespace of a proxy.
func sees(p *Proxy, row *plan.PendingRow) bool {
	// The name of a pod may contain dots, that of a namespace may not.
	namespace := p.ID[strings.LastIndex(p.ID, ".")+1:]
	return len(row.Namespaces) == 0 || slices.Contains(row.Namespaces, namespace)
}

// needsList reports whether p's list of clusters would tell whether p needs a pending row:
// istiod has sent it no routes at all, or none since it has the row.
func (r *round) needsList(a *Answer, p *Proxy) bool {
	in := r.next.istiods[a.Istiod]
	list := in.lists[p.ID]
	return slices.ContainsFunc(r.PendingRows, func(row plan.PendingRow) bool {
		s, known := in.rows[keyOf(&row)], list.knows(row.Host)
		acked, ok := pushNumber(p.Routes.Acked)
		nothing := p.Routes.Sent == "" || ok && acked < s.push && p.Routes.Sent == p.Routes.Acked
		return s.present && !known && nothing && p.Type != "router" && sees(p, &row)
	})
}

// hosts lists the hosts to look up in lists of clusters.
func (r *round) hosts() []string {
	var out []string
	for i := range r.PendingClusters {
		out = append(out, r.PendingClusters[i].Host)
	}
	for i := range r.PendingRows {
		out = append(out, r.PendingRows[i].Host)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
