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

// names is the list of a proxy's clusters, from the only istiod.
func names(id string, clusters ...string) proxysync.Names {
	return proxysync.Names{Question: proxysync.Question{Istiod: "istiod", Proxy: id}, Clusters: clusters}
}

var (
	whole   = "outbound|80||" + host
	first   = "outbound|80|override-v0|" + host
	wholeTo = "outbound|81||" + host
	foreign = "outbound|80||other.shop.svc.cluster.local"
)

// TestEvaluate plays rounds with one istiod that gives the same answer in each.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	old, recent := epoch.Add(-time.Hour), epoch.Add(-time.Second)
	cluster := func(change func(*plan.PendingCluster)) plan.PendingCluster {
		c := plan.PendingCluster{Cluster: subset(0), Since: epoch.Add(-time.Second), HostSince: old, FirstOfName: true, Blocking: true}
		if change != nil {
			change(&c)
		}
		return c
	}
	with := func(p proxysync.Proxy, change func(*proxysync.Proxy)) proxysync.Proxy { change(&p); return p }
	for _, test := range []struct {
		name    string
		pending plan.PendingCluster
		proxies []proxysync.Proxy
		names   []proxysync.Names
		pods    []string
		// acked is set if it is acked in the end; state is that of the last proxy.
		acked  bool
		state  proxysync.State
		behind bool
	}{
		{
			name: "all have it", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 7)},
			names: []proxysync.Names{names("a", whole, first)}, pods: []string{"a", "b"}, acked: true, state: proxysync.Synced,
		},
		{
			name: "one got no push since", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first)}, state: proxysync.Unknown,
		},
		{
			name: "and does not need it", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first), names("b", foreign)}, acked: true, state: proxysync.Synced,
		},
		{
			name: "or may need it: the host is new", pending: cluster(func(c *plan.PendingCluster) { c.HostSince = recent }),
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", foreign)}, state: proxysync.Unknown,
		},
		{
			name: "and lacks it", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names: []proxysync.Names{names("a", whole, first), names("b", whole)}, state: proxysync.Behind, behind: true,
		},
		{
			name: "lacks it, and nobody waits", pending: cluster(func(c *plan.PendingCluster) { c.Blocking = false }),
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", whole)}, state: proxysync.Behind,
		},
		{
			name: "has it on one port of two", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", whole, wholeTo, first)}, state: proxysync.Behind, behind: true,
		},
		{
			name: "no list was read", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)}, state: proxysync.Unknown,
		},
		{
			name: "no proxy needs it, and istiod may not know it", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", foreign)}, state: proxysync.Synced,
		},
		{
			name: "existed before, with other labels", pending: cluster(func(c *plan.PendingCluster) { c.FirstOfName = false }),
			proxies: []proxysync.Proxy{sidecar("a", 5)}, names: []proxysync.Names{names("a", whole, first)}, state: proxysync.Synced,
		},
		{
			name: "a pod is missing", pending: cluster(nil), proxies: []proxysync.Proxy{sidecar("a", 5)},
			names: []proxysync.Names{names("a", whole, first)}, pods: []string{"a", "gone"}, state: proxysync.Synced,
		},
		{
			name: "refused it", pending: cluster(nil), state: proxysync.Behind, behind: true,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *proxysync.Proxy) { p.Clusters.Sent = at(6, "n") })},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "has not answered for long", pending: cluster(nil), state: proxysync.Stuck,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 4), func(p *proxysync.Proxy) {
				p.Clusters.Sent, p.Clusters.At = at(6, "n"), epoch.Add(-time.Minute)
			})},
			names: []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "has no endpoints yet", pending: cluster(nil), state: proxysync.Behind, behind: true,
			proxies: []proxysync.Proxy{sidecar("a", 5), with(sidecar("b", 6), func(p *proxysync.Proxy) { p.Endpoints.Sent = at(6, "n") })},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "has just connected", pending: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar"}}, names: []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "nonces of another kind", pending: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), {ID: "b", Type: "sidecar", Clusters: proxysync.Stream{Sent: "x", Acked: "x"}}},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{
			name: "connected twice, once from earlier", pending: cluster(nil), state: proxysync.Unknown,
			proxies: []proxysync.Proxy{sidecar("a", 5), sidecar("b", 6), sidecar("b", 4)},
			names:   []proxysync.Names{names("a", whole, first), names("b", foreign)},
		},
		{
			name: "ignored proxies", pending: cluster(nil), acked: true, state: proxysync.Synced,
			proxies: []proxysync.Proxy{{ID: "us", Type: "sidecar"}, {ID: "z", Type: "ztunnel"}, sidecar("a", 5)},
			names:   []proxysync.Names{names("a", whole, first)},
		},
		{name: "no proxy", pending: cluster(nil), acked: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := proxysync.Input{
				PendingClusters: []plan.PendingCluster{test.pending}, Pods: test.pods, Self: "us", Now: epoch,
				Answers: []proxysync.Answer{{Istiod: "istiod", Proxies: test.proxies}},
			}
			var out proxysync.Output
			for range 4 {
				out = proxysync.Evaluate(in)
				in.Memory, in.Names, in.Now = out.Memory, test.names, in.Now.Add(time.Second)
			}
			if at := out.Acked[test.pending.Cluster]; at.Equal(test.pending.Since) != test.acked {
				t.Errorf("acked: %v", out.Acked)
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

// TestAsk: while no proxy is known to have a cluster, questions are about the two proxies
// that were sent clusters last; then about those that were not. No question is repeated.
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
