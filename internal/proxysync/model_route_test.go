package proxysync_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rowID is an override row that was created for the nth time.
type rowID struct{ version, time int }

// table is the VirtualService with all rows.
var table = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}

// routes has all revisions of the rows of a world.
type routes struct {
	// history has the rows of each revision of the object, the latest last. No istiod sees a
	// revision before since.
	history []map[rowID]bool
	since   int
	at      map[rowID]time.Time
	// gone has the rows that may not return yet, times how often each existed.
	gone  map[int]bool
	times map[int]int
}

func newRoutes() routes {
	return routes{history: []map[rowID]bool{{}}, at: map[rowID]time.Time{}, gone: map[int]bool{}, times: map[int]int{}}
}

func (r *routes) now() map[rowID]bool { return r.history[len(r.history)-1] }

// put creates the row for a version, unless it exists or did until a moment ago.
func (r *routes) put(version int, now time.Time) {
	id := rowID{version, r.times[version]}
	if r.now()[id] || r.gone[version] {
		return
	}
	next := maps.Clone(r.now())
	next[id], r.at[id] = true, now.Add(1)
	r.history = append(r.history, next)
}

// take deletes the row for a version.
func (r *routes) take(version int) {
	id := rowID{version, r.times[version]}
	if !r.now()[id] {
		return
	}
	next := maps.Clone(r.now())
	delete(next, id)
	r.times[version]++
	r.gone[version] = true
	r.history = append(r.history, next)
}

// forget marks that everything has arrived: deleted rows may return.
func (r *routes) forget() {
	r.since, r.gone = len(r.history)-1, map[int]bool{}
}

// pending lists the existing rows.
func (r *routes) pending() []plan.PendingRow {
	var out []plan.PendingRow
	for id := range r.now() {
		out = append(out, plan.PendingRow{
			Version: version(id), Since: r.at[id], Object: table, Name: fmt.Sprintf("override.cart.v%d", id.version), To: subset(id.version),
			Host: host, Ports: []uint32{80}, HostSince: epoch.Add(-time.Hour),
		})
	}
	slices.SortFunc(out, func(a, b plan.PendingRow) int { return a.Since.Compare(b.Since) })
	return out
}

func version(id rowID) route.Version {
	return route.Version{Namespace: "shop", Service: "cart", Version: fmt.Sprintf("v%d", id.version)}
}

// observer is the operator's own subscription at an istiod.
type observer struct {
	push    uint64
	rows    map[rowID]bool
	queued  bool
	event   bool
	pending []proxysync.Routes
}

// subscribe starts a new subscription at every istiod, as a new session does.
func (w *world) subscribe() {
	for _, x := range w.istiods {
		x.observer = observer{push: x.push, rows: x.rows}
		w.respond(x)
	}
}

// respond makes an istiod send its routes to the operator.
func (w *world) respond(x *istiod) {
	c := proxysync.Configuration{Name: host + ":80", Hosts: true}
	for id := range x.observer.rows {
		c.Rows = append(c.Rows, proxysync.Row{
			Object: table, Name: fmt.Sprintf("override.cart.v%d", id.version),
			Clusters: []string{fmt.Sprintf("outbound|80|override-v%d|%s", id.version, host)},
		})
	}
	x.observer.pending = append(x.observer.pending, proxysync.Routes{
		Istiod: x.name, Nonce: w.nonce(x.observer.push), Configurations: []proxysync.Configuration{c},
	})
}

// observe makes an istiod push to the operator. It may or may not send unchanged routes.
func (w *world) observe(x *istiod) {
	if !x.observer.queued {
		return
	}
	changed := !maps.Equal(x.observer.rows, x.rows)
	event := x.observer.event
	x.observer.queued, x.observer.event, x.observer.push, x.observer.rows = false, false, x.push, x.rows
	if event || changed || x.push%2 == 0 {
		w.respond(x)
	}
}

// later advances the time. An istiod that has pushed a row before its event gets the event
// soon.
func (w *world) later(d time.Duration) {
	w.now = w.now.Add(d)
	for _, x := range w.istiods {
		if !x.early.IsZero() && w.now.Sub(x.early) >= 200*time.Millisecond {
			w.refresh(x, true)
			w.observe(x)
		}
	}
}

// sendRoutes sends a proxy its routes: all of them, or only some others.
func (w *world) sendRoutes(s *stream, all bool) {
	s.routes.Sent = w.nonce(s.push)
	m := message{routes: true, nonce: s.routes.Sent}
	if all {
		m.rows = map[rowID]bool{}
		if s.proxy.imports {
			m.rows = maps.Clone(s.rows)
		}
	}
	s.down = append(s.down, m)
}

// lacksRow names a proxy that needs the host and lacks a row; empty if there is none.
func (w *world) lacksRow(id rowID) string {
	for _, p := range w.proxies {
		if p.imports && !p.rows[id] {
			return p.id
		}
	}
	return ""
}

// rowOf returns the existing row for a version.
func (w *world) rowOf(v route.Version) rowID {
	for id := range w.routes.now() {
		if version(id) == v {
			return id
		}
	}
	return rowID{version: -1}
}

// routeEvent changes routes.
func (w *world) routeEvent(t *rapid.T, n int, x *istiod, p *proxy) {
	version := rapid.IntRange(0, 2).Draw(t, "version")
	switch {
	case n < 4:
		w.routes.put(version, w.now)
	case n < 6:
		w.routes.take(version)
	case n < 7:
		w.flow()
		w.now = w.now.Add(time.Minute)
		w.routes.forget()
	case n < 9:
		if p.stream != nil && p.stream.routes.Sent != "" {
			w.sendRoutes(p.stream, false)
		}
	default:
		w.observe(x)
	}
}
