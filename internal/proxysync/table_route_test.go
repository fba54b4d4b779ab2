package proxysync_test

import (
	"cmp"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// having is a proxy that has acknowledged routes of a push.
func having(id string, push int) proxysync.Proxy {
	p := sidecar(id, 1)
	p.Routes = proxysync.Stream{Sent: at(push, "r"), Acked: at(push, "r")}
	return p
}

// response is a response with the routes of the Service.
func response(push int, rows ...proxysync.Row) proxysync.Routes {
	return proxysync.Routes{
		Istiod: "istiod", Nonce: at(push, "o"), Configurations: []proxysync.Configuration{{Name: host + ":80", Hosts: true, Rows: rows}},
	}
}

var theRow = proxysync.Row{Object: table, Name: "override.cart.v0", Clusters: []string{first}}

// TestEvaluateRoutes plays rounds, 200 ms apart, with one istiod that sends the operator
// responses before some of them.
func TestEvaluateRoutes(t *testing.T) {
	t.Parallel()
	row := func(change func(*plan.PendingRow)) plan.PendingRow {
		w := plan.PendingRow{
			Version: version(rowID{}), Since: epoch.Add(-time.Second), Object: table, Name: theRow.Name, To: subset(0),
			Host: host, Ports: []uint32{80}, HostSince: epoch.Add(-time.Hour),
		}
		if change != nil {
			change(&w)
		}
		return w
	}
	with := func(p proxysync.Proxy, change func(*proxysync.Proxy)) proxysync.Proxy { change(&p); return p }
	type responses map[int]proxysync.Routes
	late := responses{0: response(4), 1: response(5, theRow)}
	for _, test := range []struct {
		name      string
		row       plan.PendingRow
		proxies   []proxysync.Proxy
		responses responses
		names     []proxysync.Names
		pods      []string
		// gap is the time between rounds, if not 200 ms.
		gap    time.Duration
		acked  bool
		behind bool
		state  proxysync.State
	}{
		{name: "all have it", row: row(nil), proxies: []proxysync.Proxy{having("a", 5), having("b", 7)}, responses: late, acked: true, state: proxysync.Synced},
		{name: "a pod is missing", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)}, responses: late, pods: []string{"b"}, state: proxysync.Missing},
		{name: "one was sent nothing since then", row: row(nil), proxies: []proxysync.Proxy{having("a", 5), having("b", 4)}, responses: late, behind: true, state: proxysync.Behind},
		{
			name: "and has the host", row: row(nil), proxies: []proxysync.Proxy{having("a", 5), having("b", 4)}, responses: late,
			names: []proxysync.Names{names("b", whole)}, behind: true, state: proxysync.Behind,
		},
		{
			name: "and does not", row: row(nil), proxies: []proxysync.Proxy{having("a", 5), having("b", 4)}, responses: late,
			names: []proxysync.Names{names("b", foreign)}, acked: true, state: proxysync.Synced,
		},
		{
			name: "or not yet", row: row(func(w *plan.PendingRow) { w.HostSince = epoch }), proxies: []proxysync.Proxy{having("b", 4)}, responses: late,
			names: []proxysync.Names{names("b", foreign)}, state: proxysync.Unknown,
		},
		{
			name: "or does not see it", row: row(func(w *plan.PendingRow) { w.Namespaces = []string{"shop"} }), responses: late,
			proxies: []proxysync.Proxy{having("a.shop", 5), having("b.1.web", 4)}, acked: true, state: proxysync.Synced,
		},
		{
			name: "it existed before the subscription", row: row(nil), proxies: []proxysync.Proxy{having("a", 5), having("b", 4)},
			responses: responses{0: response(5, theRow)}, state: proxysync.Unknown,
		},
		{name: "istiod does not have it", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)}, responses: responses{0: response(4)}, behind: true, state: proxysync.Behind},
		{
			name: "it leads elsewhere", row: row(func(w *plan.PendingRow) { w.To = subset(1) }), proxies: []proxysync.Proxy{having("a", 5)},
			responses: late, behind: true, state: proxysync.Behind,
		},
		{
			name: "it is in another object", row: row(func(w *plan.PendingRow) {
				w.Object = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "theirs"}
			}),
			proxies: []proxysync.Proxy{having("a", 5)}, responses: late, behind: true, state: proxysync.Behind,
		},
		{name: "the subscription has no routes of the host", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)}, responses: responses{0: {
			Istiod: "istiod", Nonce: at(5, "o"), Configurations: []proxysync.Configuration{{Name: host + ":80"}},
		}}, state: proxysync.Unknown},
		{
			name: "nothing is known about one port of two", row: row(func(w *plan.PendingRow) { w.Ports = append(w.Ports, 81) }),
			proxies: []proxysync.Proxy{having("a", 5)}, responses: responses{0: response(4)}, state: proxysync.Unknown,
		},
		{
			name: "it is at one port of two", row: row(func(w *plan.PendingRow) { w.Ports = append(w.Ports, 81) }),
			proxies: []proxysync.Proxy{having("a", 5)}, responses: late, acked: true, state: proxysync.Synced,
		},
		{
			name: "its own push comes after the one that had it", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)},
			responses: responses{0: response(4), 1: response(5, theRow), 2: response(6, theRow)}, behind: true, state: proxysync.Behind,
		},
		{
			name: "also if a round took long", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)}, gap: 2 * time.Second,
			responses: responses{0: response(4), 1: response(5, theRow), 2: response(6, theRow)}, behind: true, state: proxysync.Behind,
		},
		{
			name: "later pushes have other reasons", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)},
			responses: responses{0: response(4), 1: response(5, theRow), 4: response(6, theRow)}, acked: true, state: proxysync.Synced,
		},
		{
			name: "it went away", row: row(nil), proxies: []proxysync.Proxy{having("a", 5)},
			responses: responses{0: response(4), 1: response(5, theRow), 3: response(6)}, behind: true, state: proxysync.Behind,
		},
		{
			name: "one has not acknowledged it", row: row(nil), responses: late, behind: true, state: proxysync.Behind,
			proxies: []proxysync.Proxy{with(having("a", 4), func(p *proxysync.Proxy) { p.Routes.Sent = at(5, "n") })},
		},
		{
			name: "for long", row: row(nil), responses: late, state: proxysync.Stuck,
			proxies: []proxysync.Proxy{with(having("a", 4), func(p *proxysync.Proxy) { p.Routes.Sent, p.Routes.At = at(5, "n"), epoch.Add(-time.Minute) })},
		},
		{name: "a proxy without routes", row: row(nil), proxies: []proxysync.Proxy{sidecar("a", 9)}, responses: late, state: proxysync.Unknown},
		{
			name: "which needs none", row: row(nil), proxies: []proxysync.Proxy{sidecar("a", 9)}, responses: late,
			names: []proxysync.Names{names("a", foreign)}, acked: true, state: proxysync.Synced,
		},
		{
			name: "gateways have none", row: row(nil), proxies: []proxysync.Proxy{with(sidecar("a", 1), func(p *proxysync.Proxy) { p.Type = "router" }), having("b", 5)},
			responses: late, acked: true, state: proxysync.Synced,
		},
		{
			name: "waypoints have them in listeners", row: row(nil), responses: late, acked: true, state: proxysync.Synced,
			proxies: []proxysync.Proxy{with(sidecar("a", 1), func(p *proxysync.Proxy) {
				p.Type, p.Listeners = "waypoint", proxysync.Stream{Sent: at(5, "l"), Acked: at(5, "l")}
			})},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := proxysync.Input{
				PendingRows: []plan.PendingRow{test.row}, Pods: test.pods, Now: epoch,
				Answers: []proxysync.Answer{{Istiod: "istiod", Proxies: test.proxies}},
			}
			var out proxysync.Output
			for i := range 6 {
				in.Routes = nil
				if r, ok := test.responses[i]; ok {
					in.Routes = []proxysync.Routes{r}
				}
				out = proxysync.Evaluate(in)
				if claimed := !out.RoutesAcked[test.row.Version].IsZero(); claimed && i < 3 && test.acked {
					t.Errorf("acked in round %d, before istiod was quiet", i)
				}
				in.Memory, in.Names, in.Now = out.Memory, test.names, in.Now.Add(cmp.Or(test.gap, 200*time.Millisecond))
			}
			if at := out.RoutesAcked[test.row.Version]; at.Equal(test.row.Since) != test.acked {
				t.Errorf("acked: %v", out.RoutesAcked)
			}
			if out.RoutesBehind != test.behind {
				t.Errorf("behind %t", out.RoutesBehind)
			}
			if out.Proxies[test.state] == 0 {
				t.Errorf("proxies %v, want one that is %s", out.Proxies, test.state)
			}
		})
	}
}

// TestRecreatedRow: nothing is known about a row that is recreated with the same name.
func TestRecreatedRow(t *testing.T) {
	t.Parallel()
	w := plan.PendingRow{Version: version(rowID{}), Since: epoch, Object: table, Name: theRow.Name, To: subset(0), Host: host, Ports: []uint32{80}}
	in := proxysync.Input{
		PendingRows: []plan.PendingRow{w}, Now: epoch, Routes: []proxysync.Routes{response(4), response(5, theRow)},
		Answers: []proxysync.Answer{{Istiod: "istiod", Proxies: []proxysync.Proxy{having("a", 5)}}},
	}
	play := func(rounds int) (acked bool) {
		for range rounds {
			out := proxysync.Evaluate(in)
			in.Memory, in.Routes, in.Now = out.Memory, nil, in.Now.Add(200*time.Millisecond)
			acked = !out.RoutesAcked[w.Version].IsZero()
		}
		return acked
	}
	if !play(6) {
		t.Error("it is not acked")
	}
	in.PendingRows = []plan.PendingRow{w}
	in.PendingRows[0].Since = in.Now
	if play(6) {
		t.Error("it is acked, although no istiod has sent it since it was recreated")
	}
	in.Routes = []proxysync.Routes{response(6)}
	play(1)
	in.Routes = []proxysync.Routes{response(7, theRow)}
	in.Answers[0].Proxies[0] = having("a", 7)
	if !play(6) {
		t.Error("it is not acked in the end")
	}
}

// TestRouteNames: each port of each Service has one name, and the number of names is bounded.
func TestRouteNames(t *testing.T) {
	t.Parallel()
	rows := []plan.PendingRow{{Host: "b", Ports: []uint32{80, 81}}, {Host: "a", Ports: []uint32{80}}, {Host: "b", Ports: []uint32{80}}}
	if diff := gocmp.Diff([]string{"a:80", "b:80", "b:81"}, proxysync.RouteNames(rows)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	var many []plan.PendingRow
	for i := range uint32(100) {
		many = append(many, plan.PendingRow{Host: "a", Ports: []uint32{i}})
	}
	if n := len(proxysync.RouteNames(many)); n != 32 {
		t.Errorf("%d names are subscribed to", n)
	}
}
