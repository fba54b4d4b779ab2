package trail_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// call is one call of a made-up request: what really happened.
type call struct {
	pod, service string
	gateway      bool
	connection   trail.Connection
	requestID    string
	header, mark string
	// start and end are in microseconds, by the caller's proxy; the called one sees the call
	// within them.
	start, end int
	attempts   []*call
	calls      []*call
	// out and in are the IDs of the records that proxies send; empty for none.
	out, in string
}

// world makes calls with their records, as programs and proxies would.
type world struct {
	t       *rapid.T
	records []trail.Record
	traceID string
	n       int
	// shared pods serve several calls of one request; otherwise each call has a pod of its own.
	shared bool
	// causes is the record of the call for which the call with another record was made.
	causes map[string]string
	// used are the calls on each connection.
	used map[trail.Connection][]*call
}

func (w *world) next(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%d", prefix, w.n)
}

func (w *world) chance(percent int, label string) bool {
	return rapid.IntRange(1, 100).Draw(w.t, label) <= percent
}

// grow fills a call with those that its program makes, in parallel or one after the other.
func (w *world) grow(c *call, depth int) {
	if depth == 0 || c.end-c.start < 200 {
		return
	}
	n := rapid.IntRange(0, 3).Draw(w.t, "calls")
	parallel := w.chance(50, "parallel")
	forwards, keepsID := w.chance(80, "forwards"), w.chance(70, "keeps the request ID")
	width := (c.end - c.start) / (n + 1)
	for i := range n {
		d := &call{start: c.start + 20 + i, end: c.end - 20 - i, requestID: c.requestID}
		if !parallel {
			d.start, d.end = c.start+20+i*width, c.start+(i+1)*width-20
		}
		if !keepsID {
			d.requestID = w.next("request-")
		}
		if forwards {
			d.header, d.mark = c.header, c.mark
		}
		w.place(c, d, !parallel)
		w.grow(d, depth-1)
		c.calls = append(c.calls, d)
	}
}

// place chooses the pod and the connection of a call, and the attempts before it. Nothing tells
// attempts of calls apart that are made at the same time.
func (w *world) place(from, c *call, retries bool) {
	c.service = fmt.Sprintf("service-%d", rapid.IntRange(1, 4).Draw(w.t, "service"))
	if w.chance(15, "calls itself") && !from.gateway {
		c.service = from.service
	}
	c.pod = w.next("pod-")
	if w.shared {
		c.pod = fmt.Sprintf("%s-%d", c.service, rapid.IntRange(0, 1).Draw(w.t, "pod"))
		if from.pod == c.pod {
			c.pod += "x"
		}
	}
	c.connection = w.connect(from, c)
	if retries && w.chance(20, "retries") && c.end-c.start > 400 {
		failed := &call{pod: w.next("pod-"), service: c.service, requestID: c.requestID, header: c.header, mark: c.mark, start: c.start + 10, end: c.start + 60}
		failed.connection = w.connect(from, failed)
		c.attempts = append(c.attempts, failed)
		c.start += 100
	}
}

// apart is how far two calls on one connection are apart, in microseconds: clocks of pods may
// differ by half of it.
const apart = 10_000

// connect returns a connection between two pods: one that is free at the time of a call, else a
// new one.
func (w *world) connect(from, to *call) trail.Connection {
	for port := 40000; ; port++ {
		c := trail.Connection{From: fmt.Sprintf("%s:%d", address(from.pod), port), To: address(to.pod) + ":8080"}
		if !slices.ContainsFunc(w.used[c], func(u *call) bool { return u.start <= to.end+apart && to.start <= u.end+apart }) {
			w.used[c] = append(w.used[c], to)
			return c
		}
	}
}

// address makes an address of the name of a pod.
func address(pod string) string {
	h := uint32(2166136261)
	for _, b := range []byte(pod) {
		h = (h ^ uint32(b)) * 16777619
	}
	return fmt.Sprintf("10.%d.%d.%d", h>>16&255, h>>8&255, h&255)
}

// begin is when the first attempt began.
func (c *call) begin() int {
	if len(c.attempts) > 0 {
		return c.attempts[0].start - 5
	}
	return c.start
}

// report writes what the proxies say of a call.
func (w *world) report(from, c *call) {
	slices.SortFunc(c.calls, func(a, b *call) int { return a.begin() - b.begin() })
	begin := c.begin()
	if from != nil {
		out := w.record(from.pod, trail.Outbound, c, begin, c.end)
		out.Upstream, out.Attempts = c.connection, uint32(len(c.attempts)+1)
		if from.gateway {
			// The record of the gateway says both.
			at := slices.IndexFunc(w.records, func(r trail.Record) bool { return r.ID == from.in })
			w.records[at].Upstream, w.records[at].Attempts, w.records[at].Cluster = c.connection, out.Attempts, "outbound|80||x"
			w.records[at].Authority = c.service
			out.ID = from.in
		} else {
			w.records = append(w.records, out)
		}
		c.out = out.ID
		w.causes[c.out] = from.in
	}
	side := trail.Inbound
	if c.gateway {
		side = trail.Gateway
	}
	for _, a := range append(c.attempts, c) {
		in := w.record(a.pod, side, a, a.start+3, a.end-3)
		in.Downstream = a.connection
		a.in = in.ID
		w.records = append(w.records, in)
	}
	for _, d := range c.calls {
		w.report(c, d)
	}
}

func (w *world) record(pod string, side trail.Side, c *call, start, end int) trail.Record {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return trail.Record{
		ID: w.next(fmt.Sprintf("%s-%s-", pod, side)), Side: side, Proxy: trail.Proxy{Pod: pod, Namespace: "shop"},
		Start: base.Add(time.Duration(start) * time.Microsecond), Duration: time.Duration(end-start) * time.Microsecond,
		RequestID: c.requestID, TraceID: w.traceID, Mark: c.mark, Header: c.header, Method: "GET", Authority: c.service,
	}
}

// request makes a whole request, by a gateway or not.
func (w *world) request() *call {
	first := &call{pod: w.next("pod-"), service: "entry", requestID: w.next("request-"), header: "service-3:v2", mark: w.next("mark-"), end: 1_000_000}
	first.connection = trail.Connection{From: "192.0.2.1:5000", To: address(first.pod) + ":8080"}
	if first.gateway = w.chance(50, "gateway"); first.gateway {
		d := &call{start: 10, end: first.end - 10, requestID: first.requestID, header: first.header, mark: first.mark}
		w.place(first, d, true)
		first.calls = append(first.calls, d)
		w.grow(d, 4)
	} else {
		w.grow(first, 4)
	}
	w.report(nil, first)
	return first
}

// text writes what happened as one line.
func (c *call) text() string {
	var tries, calls []string
	for _, a := range c.attempts {
		tries = append(tries, "/"+a.in)
	}
	for _, d := range c.calls {
		calls = append(calls, d.text())
	}
	return c.out + "/" + c.in + "!" + strings.Join(tries, ",") + "(" + strings.Join(calls, " ") + ")"
}

// hopText writes a tree in the same form.
func hopText(h *trail.Hop) string {
	var tries, calls []string
	for _, a := range h.Tries {
		tries = append(tries, "/"+idOf(a.In))
	}
	for _, d := range h.Calls {
		calls = append(calls, hopText(d))
	}
	return idOf(h.Out) + "/" + idOf(h.In) + "!" + strings.Join(tries, ",") + "(" + strings.Join(calls, " ") + ")"
}

func idOf(r *trail.Record) string {
	if r == nil {
		return ""
	}
	return r.ID
}

func newWorld(t *rapid.T) *world {
	return &world{t: t, traceID: "6f766572726964650000000000000001", causes: map[string]string{}, used: map[trail.Connection][]*call{}}
}

// shuffled returns records in another order, some of them twice.
func shuffled(t *rapid.T, records []trail.Record) []trail.Record {
	out := slices.Clone(records)
	for _, r := range records {
		if rapid.Bool().Draw(t, "twice") {
			out = append(out, r)
		}
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// TestJoinRebuildsCalls: records in any order, some of them twice, give the tree of calls that was
// made, and two marked requests in one trace give two.
func TestJoinRebuildsCalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		want := []string{w.request().text()}
		if rapid.Bool().Draw(t, "two requests") {
			want = append(want, w.request().text())
		}
		trails := trail.Join(shuffled(t, w.records))
		var got []string
		for _, tr := range trails {
			for _, h := range tr.Roots {
				got = append(got, hopText(h))
			}
			for _, h := range tr.All() {
				if h.Uncertain {
					t.Errorf("the caller of %s is uncertain", idOf(h.Out))
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(trails) != len(want) || !slices.Equal(want, got) {
			t.Fatalf("%d trails\ngot  %s\nwant %s", len(trails), strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	})
}

// TestJoinAttributesNothingFalsely: if records are missing, or if pods handle several calls of one
// request at once, a call is attributed to the right one, or it is uncertain, or it is a root.
func TestJoinAttributesNothingFalsely(t *testing.T) {
	t.Parallel()
	certain, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.shared = rapid.Bool().Draw(t, "pods are shared")
		first := w.request()
		ends := map[string]string{}
		first.collect(ends)
		kept := w.lose(ends)
		for _, tr := range trail.Join(shuffled(t, kept)) {
			for _, h := range tr.All() {
				if h.Out != nil {
					all++
				}
				if h.Out != nil && h.In != nil && ends[h.Out.ID] != h.In.ID {
					t.Fatalf("the other end of %s is %s, not %s", h.Out.ID, ends[h.Out.ID], h.In.ID)
				}
				p := h.Parent()
				if h.Out == nil || p == nil || h.Uncertain {
					continue
				}
				certain++
				if cause := w.causes[h.Out.ID]; cause != arrival(p, ends) {
					t.Fatalf("%s was made for %s, not for %s", h.Out.ID, cause, arrival(p, ends))
				}
			}
		}
	})
	if all == 0 || certain*3 < all {
		t.Errorf("only %d of %d calls have a certain caller", certain, all)
	}
}

// arrival returns the ID of the record of the called pod, whether it was lost or not.
func arrival(h *trail.Hop, ends map[string]string) string {
	if h.In != nil {
		return h.In.ID
	}
	return ends[h.Out.ID]
}

// collect lists the two ends of each call.
func (c *call) collect(ends map[string]string) {
	if c.out != "" {
		ends[c.out] = c.in
	}
	for _, d := range c.calls {
		d.collect(ends)
	}
}

// lose drops records. It keeps one end of each call to a pod that others call too: nothing else
// would say that there is more than one.
func (w *world) lose(ends map[string]string) []trail.Record {
	lost := map[string]bool{}
	for _, r := range w.records {
		lost[r.ID] = w.chance(25, "is lost")
	}
	if w.shared {
		for out, in := range ends {
			lost[in] = lost[in] && !lost[out]
		}
	}
	return slices.DeleteFunc(slices.Clone(w.records), func(r trail.Record) bool { return lost[r.ID] })
}
