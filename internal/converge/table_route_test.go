package converge_test

import (
	"cmp"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/converge"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// having is a proxy that has acknowledged routes of a push.
func having(id string, push int) converge.Proxy {
	p := sidecar(id, 1)
	p.Routes = converge.Stream{Sent: at(push, "r"), Acked: at(push, "r")}
	return p
}

// told is a response with the routes of the Service.
func told(push int, rows ...converge.Row) converge.Routes {
	return converge.Routes{
		Istiod: "istiod", Nonce: at(push, "o"), Configurations: []converge.Configuration{{Name: host + ":80", Hosts: true, Rows: rows}},
	}
}

var theRow = converge.Row{Object: table, Name: "override.cart.v0", Clusters: []string{first}}

// TestJudgeRoutes plays rounds, 200 ms apart, with one istiod that sends us responses
// before some of them.
func TestJudgeRoutes(t *testing.T) {
	t.Parallel()
	row := func(change func(*plan.AwaitedRow)) plan.AwaitedRow {
		w := plan.AwaitedRow{
			Version: version(rowID{}), Since: epoch.Add(-time.Second), Object: table, Name: theRow.Name, To: subset(0),
			Host: host, Ports: []uint32{80}, HostSince: epoch.Add(-time.Hour),
		}
		if change != nil {
			change(&w)
		}
		return w
	}
	with := func(p converge.Proxy, change func(*converge.Proxy)) converge.Proxy { change(&p); return p }
	type responses map[int]converge.Routes
	late := responses{0: told(4), 1: told(5, theRow)}
	for _, test := range []struct {
		name      string
		row       plan.AwaitedRow
		proxies   []converge.Proxy
		responses responses
		names     []converge.Names
		pods      []string
		// gap is between rounds, if not 200 ms.
		gap     time.Duration
		settled bool
		behind  bool
		state   converge.State
	}{
		{name: "all have it", row: row(nil), proxies: []converge.Proxy{having("a", 5), having("b", 7)}, responses: late, settled: true, state: converge.Synced},
		{name: "a pod is missing", row: row(nil), proxies: []converge.Proxy{having("a", 5)}, responses: late, pods: []string{"b"}, state: converge.Missing},
		{name: "one was sent nothing since", row: row(nil), proxies: []converge.Proxy{having("a", 5), having("b", 4)}, responses: late, behind: true, state: converge.Behind},
		{
			name: "and has the host", row: row(nil), proxies: []converge.Proxy{having("a", 5), having("b", 4)}, responses: late,
			names: []converge.Names{names("b", whole)}, behind: true, state: converge.Behind,
		},
		{
			name: "and does not", row: row(nil), proxies: []converge.Proxy{having("a", 5), having("b", 4)}, responses: late,
			names: []converge.Names{names("b", foreign)}, settled: true, state: converge.Synced,
		},
		{
			name: "or not yet", row: row(func(w *plan.AwaitedRow) { w.HostSince = epoch }), proxies: []converge.Proxy{having("b", 4)}, responses: late,
			names: []converge.Names{names("b", foreign)}, state: converge.Unknown,
		},
		{
			name: "or does not see it", row: row(func(w *plan.AwaitedRow) { w.Namespaces = []string{"shop"} }), responses: late,
			proxies: []converge.Proxy{having("a.shop", 5), having("b.1.web", 4)}, settled: true, state: converge.Synced,
		},
		{
			name: "it was there when we came", row: row(nil), proxies: []converge.Proxy{having("a", 5), having("b", 4)},
			responses: responses{0: told(5, theRow)}, state: converge.Unknown,
		},
		{name: "istiod does not have it", row: row(nil), proxies: []converge.Proxy{having("a", 5)}, responses: responses{0: told(4)}, behind: true, state: converge.Behind},
		{
			name: "it leads elsewhere", row: row(func(w *plan.AwaitedRow) { w.To = subset(1) }), proxies: []converge.Proxy{having("a", 5)},
			responses: late, behind: true, state: converge.Behind,
		},
		{
			name: "it is of another object", row: row(func(w *plan.AwaitedRow) {
				w.Object = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "theirs"}
			}),
			proxies: []converge.Proxy{having("a", 5)}, responses: late, behind: true, state: converge.Behind,
		},
		{name: "we see no routes of the host", row: row(nil), proxies: []converge.Proxy{having("a", 5)}, responses: responses{0: {
			Istiod: "istiod", Nonce: at(5, "o"), Configurations: []converge.Configuration{{Name: host + ":80"}},
		}}, state: converge.Unknown},
		{
			name: "of one port of two nothing is known", row: row(func(w *plan.AwaitedRow) { w.Ports = append(w.Ports, 81) }),
			proxies: []converge.Proxy{having("a", 5)}, responses: responses{0: told(4)}, state: converge.Unknown,
		},
		{
			name: "it is at one port of two", row: row(func(w *plan.AwaitedRow) { w.Ports = append(w.Ports, 81) }),
			proxies: []converge.Proxy{having("a", 5)}, responses: late, settled: true, state: converge.Synced,
		},
		{
			name: "its own push comes after the one that had it", row: row(nil), proxies: []converge.Proxy{having("a", 5)},
			responses: responses{0: told(4), 1: told(5, theRow), 2: told(6, theRow)}, behind: true, state: converge.Behind,
		},
		{
			name: "also where a round took long", row: row(nil), proxies: []converge.Proxy{having("a", 5)}, gap: 2 * time.Second,
			responses: responses{0: told(4), 1: told(5, theRow), 2: told(6, theRow)}, behind: true, state: converge.Behind,
		},
		{
			name: "pushes of later are about other things", row: row(nil), proxies: []converge.Proxy{having("a", 5)},
			responses: responses{0: told(4), 1: told(5, theRow), 4: told(6, theRow)}, settled: true, state: converge.Synced,
		},
		{
			name: "it went away", row: row(nil), proxies: []converge.Proxy{having("a", 5)},
			responses: responses{0: told(4), 1: told(5, theRow), 3: told(6)}, behind: true, state: converge.Behind,
		},
		{
			name: "one has not acknowledged it", row: row(nil), responses: late, behind: true, state: converge.Behind,
			proxies: []converge.Proxy{with(having("a", 4), func(p *converge.Proxy) { p.Routes.Sent = at(5, "n") })},
		},
		{
			name: "for long", row: row(nil), responses: late, state: converge.Stuck,
			proxies: []converge.Proxy{with(having("a", 4), func(p *converge.Proxy) { p.Routes.Sent, p.Routes.At = at(5, "n"), epoch.Add(-time.Minute) })},
		},
		{name: "a proxy without routes", row: row(nil), proxies: []converge.Proxy{sidecar("a", 9)}, responses: late, state: converge.Unknown},
		{
			name: "which wants none", row: row(nil), proxies: []converge.Proxy{sidecar("a", 9)}, responses: late,
			names: []converge.Names{names("a", foreign)}, settled: true, state: converge.Synced,
		},
		{
			name: "gateways have none", row: row(nil), proxies: []converge.Proxy{with(sidecar("a", 1), func(p *converge.Proxy) { p.Type = "router" }), having("b", 5)},
			responses: late, settled: true, state: converge.Synced,
		},
		{
			name: "waypoints have them in listeners", row: row(nil), responses: late, settled: true, state: converge.Synced,
			proxies: []converge.Proxy{with(sidecar("a", 1), func(p *converge.Proxy) {
				p.Type, p.Listeners = "waypoint", converge.Stream{Sent: at(5, "l"), Acked: at(5, "l")}
			})},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := converge.Input{
				Rows: []plan.AwaitedRow{test.row}, Pods: test.pods, Now: epoch,
				Answers: []converge.Answer{{Istiod: "istiod", Proxies: test.proxies}},
			}
			var out converge.Output
			for i := range 6 {
				in.Routes = nil
				if r, ok := test.responses[i]; ok {
					in.Routes = []converge.Routes{r}
				}
				out = converge.Judge(in)
				if claimed := !out.RoutesSettled[test.row.Version].IsZero(); claimed && i < 3 && test.settled {
					t.Errorf("settled in round %d, before istiod was quiet", i)
				}
				in.Memory, in.Names, in.Now = out.Memory, test.names, in.Now.Add(cmp.Or(test.gap, 200*time.Millisecond))
			}
			if at := out.RoutesSettled[test.row.Version]; at.Equal(test.row.Since) != test.settled {
				t.Errorf("settled: %v", out.RoutesSettled)
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

// TestRowAnew: what was known of a row is not known of one that was put in place later,
// though it has the same name.
func TestRowAnew(t *testing.T) {
	t.Parallel()
	w := plan.AwaitedRow{Version: version(rowID{}), Since: epoch, Object: table, Name: theRow.Name, To: subset(0), Host: host, Ports: []uint32{80}}
	in := converge.Input{
		Rows: []plan.AwaitedRow{w}, Now: epoch, Routes: []converge.Routes{told(4), told(5, theRow)},
		Answers: []converge.Answer{{Istiod: "istiod", Proxies: []converge.Proxy{having("a", 5)}}},
	}
	play := func(rounds int) (settled bool) {
		for range rounds {
			out := converge.Judge(in)
			in.Memory, in.Routes, in.Now = out.Memory, nil, in.Now.Add(200*time.Millisecond)
			settled = !out.RoutesSettled[w.Version].IsZero()
		}
		return settled
	}
	if !play(6) {
		t.Error("it is not settled")
	}
	in.Rows = []plan.AwaitedRow{w}
	in.Rows[0].Since = in.Now
	if play(6) {
		t.Error("it is settled, though no istiod has told of it since it was put in place anew")
	}
	in.Routes = []converge.Routes{told(6)}
	play(1)
	in.Routes = []converge.Routes{told(7, theRow)}
	in.Answers[0].Proxies[0] = having("a", 7)
	if !play(6) {
		t.Error("it is not settled in the end")
	}
}

// TestRouteNames: each port of each Service has a name, once, and there are not too many.
func TestRouteNames(t *testing.T) {
	t.Parallel()
	rows := []plan.AwaitedRow{{Host: "b", Ports: []uint32{80, 81}}, {Host: "a", Ports: []uint32{80}}, {Host: "b", Ports: []uint32{80}}}
	if diff := gocmp.Diff([]string{"a:80", "b:80", "b:81"}, converge.RouteNames(rows)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	var many []plan.AwaitedRow
	for i := range uint32(100) {
		many = append(many, plan.AwaitedRow{Host: "a", Ports: []uint32{i}})
	}
	if n := len(converge.RouteNames(many)); n != 32 {
		t.Errorf("%d names are subscribed to", n)
	}
}
