package proxysync

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Memory holds the findings of earlier rounds. Losing it is safe. It must be dropped if an
// istiod could not be asked, since that istiod may have restarted.
type Memory struct {
	istiods map[string]*instance
	// agreed has since when all rounds have found a cluster everywhere.
	agreed map[clusterKey]time.Time
	// behind has the clusters that a proxy was found to lack. If the next round knows nothing
	// about such a proxy, the cluster stays here.
	behind map[clusterKey]bool
	// rowsAgreed has since when all rounds have found a row everywhere.
	rowsAgreed map[rowKey]time.Time
}

// clusterKey is a cluster with its definition since a time.
type clusterKey struct {
	plan.Cluster

	since time.Time
}

// instance is what is known about one istiod.
type instance struct {
	// lastPush is the number of the latest push that it reported.
	lastPush uint64
	// sent has the nonce that each proxy was last sent clusters with, in the latest round.
	sent map[string]string
	// firstPush has the first push known to contain a cluster.
	firstPush map[plan.Cluster]uint64
	// lists has the cluster lists of its proxies.
	lists map[string]list
	// rows has what it said about each row.
	rows map[rowKey]rowSeen
}

// list is the relevant part of a proxy's list of clusters.
type list struct {
	// sent is the nonce that the proxy had last been sent clusters with.
	sent string
	// hosts has the hosts that were looked up: true if the list has a cluster of the host.
	hosts map[string]bool
	has   map[plan.Cluster]bool
}

// knows reports whether a host was looked up.
func (l *list) knows(host string) bool { _, ok := l.hosts[host]; return ok }

func newMemory() Memory {
	return Memory{
		istiods: map[string]*instance{}, agreed: map[clusterKey]time.Time{}, behind: map[clusterKey]bool{}, rowsAgreed: map[rowKey]time.Time{},
	}
}

// update carries the memory of an istiod over, and adds what it says in this round.
func (r *round) update(a *Answer) {
	next := &instance{sent: map[string]string{}, firstPush: map[plan.Cluster]uint64{}, lists: map[string]list{}, rows: map[rowKey]rowSeen{}}
	r.next.istiods[a.Istiod] = next
	twice := map[string]bool{}
	for i := range a.Proxies {
		p := &a.Proxies[i]
		_, twice[p.ID] = next.sent[p.ID]
		next.sent[p.ID] = p.Clusters.Sent
		if n, ok := pushNumber(p.Clusters.Sent); ok {
			next.lastPush = max(next.lastPush, n)
		}
	}
	before := r.Memory.istiods[a.Istiod]
	if before != nil && next.lastPush < before.lastPush {
		before = nil // restarted: earlier push numbers mean nothing
	}
	r.updateRows(a.Istiod, next, before)
	if before == nil {
		return
	}
	for _, c := range r.PendingClusters {
		if push, ok := before.firstPush[c.Cluster]; ok {
			next.firstPush[c.Cluster] = push
		}
	}
	for id, l := range before.lists {
		if next.sent[id] == l.sent && !twice[id] {
			next.lists[id] = l
		}
	}
	for i := range r.Names {
		n := &r.Names[i]
		// If the proxy was sent something meanwhile, or reconnected, nobody knows which push the
		// list is from.
		if sent := next.sent[n.Proxy]; n.Istiod == a.Istiod && sent != "" && sent == before.sent[n.Proxy] && !twice[n.Proxy] {
			r.readList(next, n, sent)
		}
	}
}

// readList reads a proxy's list of clusters, which it was sent with the nonce sent.
func (r *round) readList(in *instance, n *Names, sent string) {
	l := list{sent: sent, hosts: map[string]bool{}, has: map[plan.Cluster]bool{}}
	ports := map[plan.Cluster][]string{}
	for _, name := range n.Clusters {
		if c, port, is := istio.ParseCluster(name); is {
			ports[c] = append(ports[c], port)
		}
	}
	push, ok := pushNumber(sent)
	for _, host := range r.hosts() {
		l.hosts[host] = len(ports[plan.Cluster{Host: host}]) > 0
	}
	for _, c := range r.PendingClusters {
		whole := ports[plan.Cluster{Host: c.Host}]
		l.has[c.Cluster] = len(whole) > 0 && !slices.ContainsFunc(whole, func(port string) bool {
			return !slices.Contains(ports[c.Cluster], port)
		})
		if !ok || !l.has[c.Cluster] || !c.FirstOfName {
			continue
		}
		if known, before := in.firstPush[c.Cluster]; !before || push < known {
			in.firstPush[c.Cluster] = push
		}
	}
	in.lists[n.Proxy] = l
}
