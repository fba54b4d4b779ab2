package converge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/converge"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// at is a nonce of a push; word tells nonces of one push apart.
func at(push int, word string) string {
	return fmt.Sprintf("2026-01-01T00:00:00Z/%d%s%s", push, strings.Repeat("-", 36-len(word)), word)
}

// sidecar is a proxy that has acknowledged clusters and endpoints of a push.
func sidecar(id string, push int) converge.Proxy {
	return converge.Proxy{
		ID: id, Type: "sidecar", Clusters: converge.Stream{Sent: at(push, "c"), Acked: at(push, "c")},
		Endpoints: converge.Stream{Sent: at(push, "e"), Acked: at(push, "e")},
	}
}

// names is the list of a proxy of the only istiod.
func names(id string, clusters ...string) converge.Names {
	return converge.Names{Question: converge.Question{Istiod: "istiod", Proxy: id}, Clusters: clusters}
}

var (
	whole   = "outbound|80||" + host
	first   = "outbound|80|override-v0|" + host
	wholeTo = "outbound|81||" + host
	foreign = "outbound|80||other.shop.svc.cluster.local"
)

// TestJudge plays rounds with one istiod that says the same in each, but for what
// has is asked in between.
func TestJudge(t *testing.T) {
	t.Parallel()
	old, young := epoch.Add(-time.Hour), epoch.Add(-time.Second)
	cluster := func(change func(*plan.Young)) plan.Young {
		y := plan.Young{Cluster: subset(0), Since: epoch.Add(-time.Second), HostSince: old, New: true, Awaited: true}
		if change != nil {
			change(&y)
		}
		return y
	}
	with := func(p converge.Proxy, change func(*converge.Proxy)) converge.Proxy { change(&p); return p }
	for _, test := range []struct {
		name    string
		young   plan.Young
		proxies []converge.Proxy
		names   []converge.Names
		pods    []string
		// settled is set where it is in the end, state is that of the last proxy.
		settled bool
		state   converge.State
		behind  bool
	}{
		{
			name: "all have it", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 7)},
			names: []converge.Names{names("a", whole, first)}, pods: []string{"a", "b"}, settled: true, state: converge.Synced,
		},
		{
			name: "one was pushed nothing since", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []converge.Names{names("a", whole, first)}, state: converge.Unknown,
		},
		{
			name: "and does not want it", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []converge.Names{names("a", whole, first), names("b", foreign)}, settled: true, state: converge.Synced,
		},
		{
			name: "or might, the host being new", young: cluster(func(y *plan.Young) { y.HostSince = young }),
			proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []converge.Names{names("a", whole, first), names("b", foreign)}, state: converge.Unknown,
		},
		{
			name: "and lacks it", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []converge.Names{names("a", whole, first), names("b", whole)}, state: converge.Behind, behind: true,
		},
		{
			name: "lacks it, and nobody waits", young: cluster(func(y *plan.Young) { y.Awaited = false }),
			proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []converge.Names{names("a", whole, first), names("b", whole)}, state: converge.Behind,
		},
		{
			name: "has it on one port of two", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5)},
			names: []converge.Names{names("a", whole, wholeTo, first)}, state: converge.Behind, behind: true,
		},
		{
			name: "nobody's list was read", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5)}, state: converge.Unknown,
		},
		{
			name: "nobody wants it, and istiod may not know it", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5)},
			names: []converge.Names{names("a", foreign)}, state: converge.Synced,
		},
		{
			name: "was there before, with other labels", young: cluster(func(y *plan.Young) { y.New = false }),
			proxies: []converge.Proxy{sidecar("a", 5)}, names: []converge.Names{names("a", whole, first)}, state: converge.Synced,
		},
		{
			name: "a pod is missing", young: cluster(nil), proxies: []converge.Proxy{sidecar("a", 5)},
			names: []converge.Names{names("a", whole, first)}, pods: []string{"a", "gone"}, state: converge.Synced,
		},
		{
			name: "refused it", young: cluster(nil), state: converge.Behind, behind: true,
			proxies: []converge.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *converge.Proxy) { p.Clusters.Sent = at(6, "n") })},
			names:   []converge.Names{names("a", whole, first)},
		},
		{
			name: "has not answered for long", young: cluster(nil), state: converge.Stuck,
			proxies: []converge.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *converge.Proxy) {
				p.Clusters.Sent, p.Clusters.At = at(6, "n"), epoch.Add(-time.Minute)
			})},
			names: []converge.Names{names("a", whole, first)},
		},
		{
			name: "has no endpoints yet", young: cluster(nil), state: converge.Behind, behind: true,
			proxies: []converge.Proxy{sidecar("a", 5), with(sidecar("b", 6), func(p *converge.Proxy) { p.Endpoints.Sent = at(6, "n") })},
			names:   []converge.Names{names("a", whole, first)},
		},
		{
			name: "connects just now", young: cluster(nil), state: converge.Unknown,
			proxies: []converge.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar"}}, names: []converge.Names{names("a", whole, first)},
		},
		{
			name: "nonces of another kind", young: cluster(nil), state: converge.Unknown,
			proxies: []converge.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar", Clusters: converge.Stream{Sent: "x", Acked: "x"}}},
			names:   []converge.Names{names("a", whole, first)},
		},
		{
			name: "connected twice, once from before", young: cluster(nil), state: converge.Unknown,
			proxies: []converge.Proxy{sidecar("a", 5), sidecar("b", 6), sidecar("b", 4)},
			names:   []converge.Names{names("a", whole, first), names("b", foreign)},
		},
		{
			name: "those who only look", young: cluster(nil), settled: true, state: converge.Synced,
			proxies: []converge.Proxy{{ID: "us", Type: "sidecar"}, {ID: "z", Type: "ztunnel"}, sidecar("a", 5)},
			names:   []converge.Names{names("a", whole, first)},
		},
		{name: "nobody is there", young: cluster(nil), settled: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := converge.Input{
				Young: []plan.Young{test.young}, Pods: test.pods, Self: "us", Now: epoch,
				Answers: []converge.Answer{{Istiod: "istiod", Proxies: test.proxies}},
			}
			var out converge.Output
			for range 4 {
				out = converge.Judge(in)
				in.Memory, in.Names, in.Now = out.Memory, test.names, in.Now.Add(time.Second)
			}
			if at := out.Settled[test.young.Cluster]; at.Equal(test.young.Since) != test.settled {
				t.Errorf("settled: %v", out.Settled)
			}
			if out.Behind != test.behind {
				t.Errorf("behind %t", out.Behind)
			}
			if test.state != "" && out.Proxies[test.state] == 0 {
				t.Errorf("proxies %v, want one that is %s", out.Proxies, test.state)
			}
		})
	}
}

// TestAsk: while nobody is known to have a cluster, two of those are asked about
// that were sent something last; then those that were not. Nothing is asked twice.
func TestAsk(t *testing.T) {
	t.Parallel()
	in := converge.Input{
		Young: []plan.Young{{Cluster: subset(0), Since: epoch, HostSince: epoch.Add(-time.Hour), New: true}}, Now: epoch,
		Answers: []converge.Answer{{Istiod: "istiod", Proxies: []converge.Proxy{sidecar("a", 3), sidecar("b", 5), sidecar("c", 4), sidecar("d", 5)}}},
	}
	lists := map[string]converge.Names{"a": names("a", foreign), "b": names("b", whole), "c": names("c", foreign), "d": names("d", whole, first)}
	var asked [][]string
	for range 4 {
		out := converge.Judge(in)
		in.Memory, in.Names, in.Now = out.Memory, nil, in.Now.Add(time.Second)
		var round []string
		for _, q := range out.Ask {
			round = append(round, q.Proxy)
			in.Names = append(in.Names, lists[q.Proxy])
		}
		asked = append(asked, round)
	}
	if diff := cmp.Diff([][]string{{"b", "d"}, {"a", "c"}, nil, nil}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
