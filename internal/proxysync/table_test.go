package proxysync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// at is a nonce of a push; word tells nonces of one push apart.
func at(push int, word string) string {
	return fmt.Sprintf("2026-01-01T00:00:00Z/%d%s%s", push, strings.Repeat("-", 36-len(word)), word)
}

// sidecar is a proxy that has acknowledged clusters and endpoints of a push.
func sidecar(id string, push int) proxysync.Proxy {
	return proxysync.Proxy{
		ID: id, Type: "sidecar", Clusters: proxysync.Stream{Sent: at(push, "c"), Acked: at(push, "c")},
		Endpoints: proxysync.Stream{Sent: at(push, "e"), Acked: at(push, "e")},
	}
}

// names is the list of a proxy of the only istiod.
func names(id string, clusters ...string) proxysync.Names {
	return proxysync.Names{Question: proxysync.Question{Istiod: "istiod", Proxy: id}, Clusters: clusters}
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
	cluster := func(change func(*plan.PendingCluster)) plan.PendingCluster {
		y := plan.PendingCluster{Cluster: subset(0), Since: epoch.Add(-time.Second), HostSince: old, FirstOfName: true, Blocking: true}
		if change != nil {
			change(&y)
		}
		return y
	}
	with := func(p proxysync.Proxy, change func(*proxysync.Proxy)) proxysync.Proxy { change(&p); return p }
	for _, test := range []struct {
		name    string
		young   plan.PendingCluster
		proxies []proxysync.Proxy
		names   []proxysync.Names
		pods    []string
		// settled is set where it is in the end, state is that of the last proxy.
		settled bool
		state   proxysync.State
		behind  bool
	}{
		{
			name: "all have it", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 7)},
			names: []proxysync.Names{names("a", whole, first)}, pods: []string{"a", "b"}, settled: true, state: proxysync.Synced,
		},
		{
			name: "one was pushed nothing since", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first)}, state: proxysync.Unknown,
		},
		{
			name: "and does not want it", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first), names("b", foreign)}, settled: true, state: proxysync.Synced,
		},
		{
			name: "or might, the host being new", young: cluster(func(y *plan.PendingCluster) { y.HostSince = young }),
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", foreign)}, state: proxysync.Unknown,
		},
		{
			name: "and lacks it", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first), names("b", whole)}, state: proxysync.Behind, behind: true,
		},
		{
			name: "lacks it, and nobody waits", young: cluster(func(y *plan.PendingCluster) { y.Blocking = false }),
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", whole)}, state: proxysync.Behind,
		},
		{
			name: "has it on one port of two", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", whole, wholeTo, first)}, state: proxysync.Behind, behind: true,
		},
		{
			name: "nobody's list was read", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)}, state: proxysync.Unknown,
		},
		{
			name: "nobody wants it, and istiod may not know it", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", foreign)}, state: proxysync.Synced,
		},
		{
			name: "was there before, with other labels", young: cluster(func(y *plan.PendingCluster) { y.FirstOfName = false }),
			proxies: []proxysync.Proxy{sidecar("a", 5)}, names: []proxysync.Names{names("a", whole, first)}, state: proxysync.Synced,
		},
		{
			name: "a pod is missing", young: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", whole, first)}, pods: []string{"a", "gone"}, state: proxysync.Synced,
		},
		{
			name: "refused it", young: cluster(nil), state: proxysync.Behind, behind: true,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *proxysync.Proxy) { p.Clusters.Sent = at(6, "n") })},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "has not answered for long", young: cluster(nil), state: proxysync.Stuck,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *proxysync.Proxy) {
				p.Clusters.Sent, p.Clusters.At = at(6, "n"), epoch.Add(-time.Minute)
			})},
			names: []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "has no endpoints yet", young: cluster(nil), state: proxysync.Behind, behind: true,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 6), func(p *proxysync.Proxy) { p.Endpoints.Sent = at(6, "n") })},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "connects just now", young: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar"}}, names: []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "nonces of another kind", young: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar", Clusters: proxysync.Stream{Sent: "x", Acked: "x"}}},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "connected twice, once from before", young: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 6), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", foreign)},
		},
		{
			name: "those who only look", young: cluster(nil), settled: true, state: proxysync.Synced,
			proxies: []proxysync.Proxy{{ID: "us", Type: "sidecar"}, {ID: "z", Type: "ztunnel"}, sidecar("a", 5)},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{name: "nobody is there", young: cluster(nil), settled: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := proxysync.Input{
				PendingClusters: []plan.PendingCluster{test.young}, Pods: test.pods, Self: "us", Now: epoch,
				Answers: []proxysync.Answer{{Istiod: "istiod", Proxies: test.proxies}},
			}
			var out proxysync.Output
			for range 4 {
				out = proxysync.Evaluate(in)
				in.Memory, in.Names, in.Now = out.Memory, test.names, in.Now.Add(time.Second)
			}
			if at := out.Acked[test.young.Cluster]; at.Equal(test.young.Since) != test.settled {
				t.Errorf("settled: %v", out.Acked)
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
	in := proxysync.Input{
		PendingClusters: []plan.PendingCluster{{Cluster: subset(0), Since: epoch, HostSince: epoch.Add(-time.Hour), FirstOfName: true}}, Now: epoch,
		Answers: []proxysync.Answer{{Istiod: "istiod", Proxies: []proxysync.Proxy{sidecar("a", 3), sidecar("b", 5), sidecar("c", 4), sidecar("d", 5)}}},
	}
	lists := map[string]proxysync.Names{"a": names("a", foreign), "b": names("b", whole), "c": names("c", foreign), "d": names("d", whole, first)}
	var asked [][]string
	for range 4 {
		out := proxysync.Evaluate(in)
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
