package proxysync

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// quiet is how long a row must have been known to istiod before it counts. Istiod reads
// all VirtualServices for a push that any of them is the reason of (Istio's
// model.PushContext.updateContext), so that a push may have one whose own event comes
// later, and its cache of routes may be older than that. The push that this event leads
// to comes when istiod has gathered changes (100 ms), and is the one that counts then.
const quiet = 400 * time.Millisecond

// maxRouteNames bounds the route configurations that are subscribed to at a time.
const maxRouteNames = 32

// Routes is a response of an istiod with route configurations that we subscribe to, as
// a proxy does.
type Routes struct {
	Istiod string
	// Nonce is that of the response.
	Nonce          string
	Configurations []Configuration
}

// Configuration is what is to be known of a route configuration.
type Configuration struct {
	Name string
	// Hosts is set where it has a virtual host.
	Hosts bool
	Rows  []Row
}

// Row is a route of a VirtualService, with the clusters that it leads to.
type Row struct {
	Object   diag.Object
	Name     string
	Clusters []string
}

// RouteNames lists the names of the route configurations that tell of rows. A name with
// a host is one that istiod makes for ports whose protocol proxies detect; it makes it
// of any port, with the virtual host of that Service only (Istio's
// core.getVirtualHostsForSniffedServicePort). Of rows for which there are too many, time
// tells.
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

func routeNames(w *plan.PendingRow) []string {
	var out []string
	for _, port := range w.Ports {
		out = append(out, w.Host+":"+strconv.FormatUint(uint64(port), 10))
	}
	return out
}

// rowKey is a row as it is since a time.
type rowKey struct {
	object diag.Object
	name   string
	since  time.Time
}

func keyOf(w *plan.PendingRow) rowKey { return rowKey{w.Object, w.Name, w.Since} }

// sighting is what an istiod said of a row.
type sighting struct {
	// there is set where its latest response has the row, and push is from which on its
	// pushes have it. lacked is set where an earlier response, or the latest, had the
	// virtual host without it.
	there, lacked bool
	push          uint64
	// at is when the row was first there, and sure is set once that is long enough ago:
	// later pushes are about something else.
	at   time.Time
	sure bool
}

// learnRoutes notes what an istiod said of rows, over what is known of it; before is nil
// where that is nothing.
func (r *round) learnRoutes(istiod string, next, before *instance) {
	for i := range r.PendingRows {
		w := &r.PendingRows[i]
		var s sighting
		if before != nil {
			s = before.rows[keyOf(w)]
		}
		for j := range r.Routes {
			if r.Routes[j].Istiod == istiod {
				s = s.after(&r.Routes[j], w, r.Now)
			}
		}
		// What came before this round is in it: a round may have taken long.
		s.sure = s.there && r.Now.Sub(s.at) >= quiet
		next.rows[keyOf(w)] = s
	}
}

// after returns what is known of a row after a response.
func (s sighting) after(response *Routes, w *plan.PendingRow, now time.Time) sighting {
	names := routeNames(w)
	told, hosts, there := 0, false, false
	for i := range response.Configurations {
		c := &response.Configurations[i]
		if !slices.Contains(names, c.Name) {
			continue
		}
		told++
		hosts = hosts || c.Hosts
		there = there || slices.ContainsFunc(c.Rows, func(row Row) bool { return row.is(w) })
	}
	push, ok := number(response.Nonce)
	switch {
	case there && ok && !s.there:
		return sighting{there: true, lacked: s.lacked, push: push, at: now}
	case there && ok:
		if !s.sure {
			s.push = max(s.push, push)
		}
		return s
	case told < len(names):
		// Where it is not there at one port, it may be at another.
		return s
	}
	return sighting{lacked: hosts}
}

// is reports whether row is the one that is waited for, and leads where that does.
func (row *Row) is(w *plan.PendingRow) bool {
	return row.Object == w.Object && row.Name == w.Name && slices.ContainsFunc(row.Clusters, func(name string) bool {
		part := strings.Split(name, "|")
		return len(part) == 4 && part[2] == w.To.Subset && part[3] == w.To.Host
	})
}

// settleRoutes finds the versions to which every proxy has the routes.
func (r *round) settleRoutes(missing int) {
	r.out.RoutesAcked = map[route.Version]time.Time{}
	lacking := map[route.Version]bool{}
	for i := range r.PendingRows {
		w := &r.PendingRows[i]
		if r.rowSettled(w, missing) {
			r.out.RoutesAcked[w.Version] = w.Since
		} else {
			lacking[w.Version] = true
		}
	}
	for v := range lacking {
		delete(r.out.RoutesAcked, v)
	}
}

// rowSettled reports whether every proxy has a row, as this round and the one before say.
func (r *round) rowSettled(w *plan.PendingRow, missing int) bool {
	key := keyOf(w)
	all := missing == 0 && len(r.Answers) > 0
	for i := range r.Answers {
		a := &r.Answers[i]
		s := r.next.istiods[a.Istiod].rows[key]
		for j := range a.Proxies {
			p := &a.Proxies[j]
			if r.bystander(p) {
				continue
			}
			state := r.rowState(a, p, w)
			r.note(Question{a.Istiod, p.ID}, state)
			all = all && s.sure && state == Synced
			r.out.RoutesBehind = r.out.RoutesBehind || state == Behind
		}
	}
	if !all {
		return false
	}
	return lasts(r, r.Memory.rowsAgreed, r.next.rowsAgreed, key)
}

// rowState is what is known of a proxy and a row.
func (r *round) rowState(a *Answer, p *Proxy, w *plan.PendingRow) State {
	in := r.next.istiods[a.Istiod]
	list, listed := in.lists[p.ID]
	listed = listed && list.knows(w.Host)
	switch {
	case p.Type == "router", !sees(p, w):
		// The rows are for the mesh: a gateway has none of them.
		return Synced
	case listed && !list.hosts[w.Host] && !w.HostSince.IsZero() && r.Now.Sub(w.HostSince) >= hostAge:
		return Synced
	}
	s := in.rows[keyOf(w)]
	has := &p.Routes
	if p.Type == "waypoint" {
		has = &p.Listeners // the routes are in them
	}
	acked, ok := number(has.Acked)
	switch {
	case !s.there && s.lacked:
		return Behind
	case !s.there || !ok:
		return Unknown
	case acked >= s.push:
		return Synced
	case has.Sent != has.Acked:
		return r.late(has)
	case s.lacked && (!listed || list.hosts[w.Host]):
		return Behind
	}
	// The first push that had it may have been an earlier one than was seen.
	return Unknown
}

// sees reports whether a row is exported to the namespace of a proxy.
func sees(p *Proxy, w *plan.PendingRow) bool {
	// The name of a pod may have dots, that of a namespace has none.
	namespace := p.ID[strings.LastIndex(p.ID, ".")+1:]
	return len(w.Namespaces) == 0 || slices.Contains(w.Namespaces, namespace)
}

// unlisted reports whether the list of p's clusters would tell whether a row is any of
// its business: it was sent nothing since istiod has it, or no routes at all.
func (r *round) unlisted(a *Answer, p *Proxy) bool {
	in := r.next.istiods[a.Istiod]
	list := in.lists[p.ID]
	return slices.ContainsFunc(r.PendingRows, func(w plan.PendingRow) bool {
		s, known := in.rows[keyOf(&w)], list.knows(w.Host)
		acked, ok := number(p.Routes.Acked)
		nothing := p.Routes.Sent == "" || ok && acked < s.push && p.Routes.Sent == p.Routes.Acked
		return s.there && !known && nothing && p.Type != "router" && sees(p, &w)
	})
}

// hosts lists the hosts to look for in lists of clusters.
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
