package proxysync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// host is the Service of all clusters.
const host = "cart.shop.svc.cluster.local"

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func subset(n int) plan.Cluster {
	return plan.Cluster{Host: host, Subset: fmt.Sprintf("override-v%d", n)}
}

// world is a model of istiods and their proxies in which everything is late.
type world struct {
	now     time.Time
	uuid    int
	istiods []*istiod
	proxies []*proxy
	written map[plan.Cluster]time.Time
	routes  routes
	// broken is set if an istiod has restarted since the last round.
	broken bool
}

// istiod has seen some of the writes, has made pushes of some of these, and has some
// proxies in its queue.
type istiod struct {
	name    string
	seen    map[plan.Cluster]bool
	push    uint64
	context map[plan.Cluster]bool
	streams []*stream
	// seenRows is the revision of the routes that it has seen, rows are those that it pushes.
	// heard is the revision whose event it has got: proxies that are not pushed to because of
	// that event may get older routes from the cache. early is since when seenRows and heard
	// have differed.
	seenRows int
	heard    int
	early    time.Time
	rows     map[rowID]bool
	observer observer
}

// stream is a connection of a proxy. Messages of each side arrive in order.
type stream struct {
	proxy              *proxy
	clusters, endpoint proxysync.Stream
	routes             proxysync.Stream
	names, watched     map[plan.Cluster]bool
	context            map[plan.Cluster]bool
	rows               map[rowID]bool
	push               uint64
	queued, greeted    bool
	event              bool
	down               []message
	up                 []message
}

// message is a response, or its acknowledgement with the subscriptions.
type message struct {
	endpoints bool
	routes    bool
	nonce     string
	rows      map[rowID]bool
	names     map[plan.Cluster]bool
	subscribe map[plan.Cluster]bool
}

// proxy is an Envoy. Clusters are warm once their endpoints have arrived.
type proxy struct {
	id      string
	imports bool
	stopped bool
	has     map[plan.Cluster]bool
	warm    map[plan.Cluster]bool
	rows    map[rowID]bool
	istiod  *istiod
	stream  *stream
}

func newWorld(istiods, proxies int) *world {
	w := &world{now: epoch, written: map[plan.Cluster]time.Time{}, routes: newRoutes(), broken: true}
	for i := range istiods {
		x := &istiod{name: fmt.Sprintf("istiod-%d", i), seen: map[plan.Cluster]bool{}}
		w.refresh(x, true)
		w.istiods = append(w.istiods, x)
	}
	for i := range proxies {
		p := &proxy{id: fmt.Sprintf("p%d.shop", i), imports: i%3 != 2, has: map[plan.Cluster]bool{}, warm: map[plan.Cluster]bool{}}
		w.proxies = append(w.proxies, p)
		w.connect(p, w.istiods[i%istiods])
	}
	return w
}

// refresh makes an istiod push what it has seen; without event, the reason for the push is
// something else than routes.
func (w *world) refresh(x *istiod, event bool) {
	x.push++
	x.rows = w.routes.history[x.seenRows]
	switch {
	case event:
		event = x.heard != x.seenRows
		x.heard, x.early = x.seenRows, time.Time{}
	case x.heard != x.seenRows && x.early.IsZero():
		x.early = w.now
	}
	x.observer.queued, x.observer.event = true, x.observer.event || event
	for _, s := range x.streams {
		s.queued, s.event = true, s.event || event
	}
	x.context = maps.Clone(x.seen)
	x.context[plan.Cluster{Host: host}] = true
}

func (w *world) nonce(push uint64) string {
	w.uuid++
	return fmt.Sprintf("2026-01-01T00:00:00Z/%d%036d", push, w.uuid)
}

// connect connects a proxy to an istiod.
func (w *world) connect(p *proxy, x *istiod) {
	w.disconnect(p)
	p.istiod, p.stream = x, &stream{proxy: p, names: maps.Clone(p.has), watched: map[plan.Cluster]bool{}, context: x.context, rows: x.rows, push: x.push}
	x.streams = append(x.streams, p.stream)
}

func (w *world) disconnect(p *proxy) {
	if p.stream != nil {
		p.istiod.streams = slices.DeleteFunc(p.istiod.streams, func(s *stream) bool { return s == p.stream })
	}
	p.istiod, p.stream = nil, nil
}

// greet sends the first response on a stream, perhaps long after it began.
func (w *world) greet(s *stream) {
	switch {
	case s.clusters.Sent == "":
		w.sendClusters(s)
	case s.clusters.Acked != "" && s.routes.Sent == "":
		w.sendRoutes(s, true)
	}
}

// dequeue makes an istiod push to a proxy in its queue.
func (w *world) dequeue(x *istiod, s *stream) {
	if !s.queued {
		return
	}
	changed, routes := !maps.Equal(s.context, x.context), s.event
	s.queued, s.event, s.context, s.push = false, false, x.context, x.push
	if routes {
		s.rows = x.rows // else they are from the cache
	}
	if s.clusters.Sent != "" && s.proxy.imports && changed {
		w.sendClusters(s)
		w.sendEndpoints(s)
	}
	if s.routes.Sent != "" && s.proxy.imports && (routes || changed) {
		w.sendRoutes(s, true)
	}
}

func (w *world) sendClusters(s *stream) {
	s.names = map[plan.Cluster]bool{}
	if s.proxy.imports {
		s.names = maps.Clone(s.context)
	}
	s.clusters.Sent = w.nonce(s.push)
	s.down = append(s.down, message{nonce: s.clusters.Sent, names: maps.Clone(s.names)})
}

func (w *world) sendEndpoints(s *stream) {
	if len(s.watched) == 0 {
		return
	}
	s.endpoint.Sent = w.nonce(s.push)
	s.down = append(s.down, message{endpoints: true, nonce: s.endpoint.Sent, names: maps.Clone(s.watched)})
}

// receive makes a proxy handle the next response.
func (p *proxy) receive() {
	if p.stream == nil || p.stopped || len(p.stream.down) == 0 {
		return
	}
	m := p.stream.down[0]
	p.stream.down = p.stream.down[1:]
	if m.routes {
		if m.rows != nil {
			p.rows = m.rows
		}
		p.stream.up = append(p.stream.up, message{routes: true, nonce: m.nonce})
		return
	}
	if m.endpoints {
		for c := range m.names {
			p.warm[c] = p.has[c]
		}
		p.stream.up = append(p.stream.up, message{endpoints: true, nonce: m.nonce})
		return
	}
	fresh := map[plan.Cluster]bool{}
	for c := range m.names {
		// On a new connection it subscribes to everything that it has.
		if !p.has[c] || !p.warm[c] || !p.stream.greeted {
			fresh[c] = true
		}
	}
	p.has, p.stream.greeted = m.names, true
	maps.DeleteFunc(p.warm, func(c plan.Cluster, _ bool) bool { return !p.has[c] })
	ack := message{nonce: m.nonce}
	if len(fresh) > 0 {
		p.stream.up = append(p.stream.up, message{endpoints: true, subscribe: fresh})
	}
	p.stream.up = append(p.stream.up, ack)
}

// hear makes an istiod handle the next message of a proxy.
func (w *world) hear(s *stream) {
	if len(s.up) == 0 {
		return
	}
	m := s.up[0]
	s.up = s.up[1:]
	kind := &s.clusters
	switch {
	case m.endpoints:
		kind = &s.endpoint
	case m.routes:
		kind = &s.routes
	}
	if m.nonce != "" && m.nonce == kind.Sent {
		kind.Acked = m.nonce
	}
	if len(m.subscribe) > 0 {
		maps.Copy(s.watched, m.subscribe)
		w.sendEndpoints(s)
	}
}

// answer is an istiod's report about its proxies.
func (x *istiod) answer() proxysync.Answer {
	out := proxysync.Answer{Istiod: x.name}
	for _, s := range x.streams {
		out.Proxies = append(out.Proxies, proxysync.Proxy{ID: s.proxy.id, Type: "sidecar", Clusters: s.clusters, Endpoints: s.endpoint, Routes: s.routes})
	}
	return out
}

// listOf answers a question.
func (w *world) listOf(q proxysync.Question) []proxysync.Names {
	for _, x := range w.istiods {
		for _, s := range x.streams {
			if x.name == q.Istiod && s.proxy.id == q.Proxy {
				n := proxysync.Names{Question: q, Clusters: []string{"inbound|80||", "BlackHoleCluster"}}
				for c := range s.names {
					n.Clusters = append(n.Clusters, strings.Join([]string{"outbound", "80", c.Subset, c.Host}, "|"))
				}
				return []proxysync.Names{n}
			}
		}
	}
	return nil
}

// lacks names a proxy that needs the host and has no endpoints of a cluster; empty if there
// is none.
func (w *world) lacks(c plan.Cluster) string {
	for _, p := range w.proxies {
		if p.imports && !p.warm[c] {
			return p.id
		}
	}
	return ""
}

// tells reports whether each istiod with proxies has one that needs the clusters: only such
// a proxy's list shows what the istiod knows.
func (w *world) tells() bool {
	return !slices.ContainsFunc(w.istiods, func(x *istiod) bool {
		return len(x.streams) > 0 && !slices.ContainsFunc(x.streams, func(s *stream) bool { return s.proxy.imports })
	})
}

// event makes something happen.
func (w *world) event(t *rapid.T) {
	x := w.istiods[rapid.IntRange(0, len(w.istiods)-1).Draw(t, "istiod")]
	p := w.proxies[rapid.IntRange(0, len(w.proxies)-1).Draw(t, "proxy")]
	switch n := rapid.IntRange(0, 114).Draw(t, "event"); {
	case n < 5:
		if len(w.written) < 4 {
			w.written[subset(len(w.written))] = w.now.Add(1)
		}
	case n < 6:
		w.connect(p, x)
	case n < 7:
		w.disconnect(p)
	case n < 9:
		p.stopped = !p.stopped
	case n < 10:
		w.restart(t, x)
	case n >= 100:
		w.routeEvent(t, n-100, x, p)
	case n < 20:
		x.seenRows = rapid.IntRange(x.seenRows, len(w.routes.history)-1).Draw(t, "seen routes")
		for i := range len(w.written) {
			if c := subset(i); rapid.Bool().Draw(t, "seen") {
				x.seen[c] = true
			}
		}
	case n < 30:
		w.refresh(x, rapid.Bool().Draw(t, "heard"))
	case n < 45:
		if p.stopped = false; p.stream == nil {
			w.connect(p, x)
		}
		for range 8 {
			w.pass(p)
		}
	case n < 60:
		if p.stream != nil {
			w.greet(p.stream)
			w.dequeue(p.istiod, p.stream)
		}
	case n < 78:
		p.receive()
	default:
		if p.stream != nil {
			w.hear(p.stream)
		}
	}
}

// restart restarts an istiod: its proxies are disconnected, it may have forgotten some of
// what it saw, and the operator notices.
func (w *world) restart(t *rapid.T, x *istiod) {
	for i := range len(w.written) {
		c := subset(i)
		x.seen[c] = x.seen[c] && rapid.Bool().Draw(t, "remembered")
	}
	maps.DeleteFunc(x.seen, func(_ plan.Cluster, seen bool) bool { return !seen })
	w.broken = true
	for _, p := range w.proxies {
		if p.istiod == x {
			w.disconnect(p)
		}
	}
	x.push = 0
	x.seenRows = rapid.IntRange(w.routes.since, len(w.routes.history)-1).Draw(t, "seen routes")
	w.refresh(x, true)
}

// flow delivers all messages in flight.
func (w *world) flow() {
	for _, x := range w.istiods {
		for c := range w.written {
			x.seen[c] = true
		}
		x.seenRows = len(w.routes.history) - 1
		w.refresh(x, true)
		w.observe(x)
	}
	for range 400 { // more than are ever in flight
		for i, p := range w.proxies {
			p.stopped = false
			if p.stream == nil {
				w.connect(p, w.istiods[i%len(w.istiods)])
			}
			w.pass(p)
		}
	}
}

// pass delivers one message to a proxy, and one back.
func (w *world) pass(p *proxy) {
	if p.stream == nil {
		return
	}
	w.greet(p.stream)
	w.dequeue(p.istiod, p.stream)
	p.receive()
	w.hear(p.stream)
}
