package proxysync

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/plan"
)

// Memory is what is known from earlier rounds. It may be lost at any time, and must
// be where an istiod could not be asked: it may have been started anew.
type Memory struct {
	istiods map[string]*instance
	// agreed is since when all rounds have found a cluster everywhere.
	agreed map[key]time.Time
	// behind are those that a proxy was found to lack: of one of which nothing is known
	// in the next round, nothing better is thought.
	behind map[key]bool
	// rowsAgreed is since when all rounds have found a row everywhere.
	rowsAgreed map[rowKey]time.Time
}

// key is a cluster as it is since a time.
type key struct {
	plan.Cluster

	since time.Time
}

// instance is what is known of one istiod.
type instance struct {
	// last is the number of the latest push that it spoke of.
	last uint64
	// sent is what its proxies were sent, as of the latest round.
	sent map[string]string
	// has says of clusters from which push on istiod has them, or from an earlier one.
	has map[plan.Cluster]uint64
	// lists are of the clusters that proxies were sent.
	lists map[string]list
	// rows say from which push on it has a row.
	rows map[rowKey]sighting
}

// list is what is to be known of the clusters of a proxy.
type list struct {
	// sent is the nonce of what was sent to it last, when the list was made.
	sent string
	// hosts has those that were looked for: true for those that are there.
	hosts map[string]bool
	has   map[plan.Cluster]bool
}

// knows reports whether a host was looked for.
func (l *list) knows(host string) bool { _, ok := l.hosts[host]; return ok }

func newMemory() Memory {
	return Memory{
		istiods: map[string]*instance{}, agreed: map[key]time.Time{}, behind: map[key]bool{}, rowsAgreed: map[rowKey]time.Time{},
	}
}

// learn notes what an istiod says, over what is known of it.
func (r *round) learn(a *Answer) {
	next := &instance{sent: map[string]string{}, has: map[plan.Cluster]uint64{}, lists: map[string]list{}, rows: map[rowKey]sighting{}}
	r.next.istiods[a.Istiod] = next
	twice := map[string]bool{}
	for i := range a.Proxies {
		p := &a.Proxies[i]
		_, twice[p.ID] = next.sent[p.ID]
		next.sent[p.ID] = p.Clusters.Sent
		if n, ok := number(p.Clusters.Sent); ok {
			next.last = max(next.last, n)
		}
	}
	before := r.Memory.istiods[a.Istiod]
	if before != nil && next.last < before.last {
		before = nil // begun anew: numbers of before mean nothing
	}
	r.learnRoutes(a.Istiod, next, before)
	if before == nil {
		return
	}
	for _, y := range r.PendingClusters {
		if push, ok := before.has[y.Cluster]; ok {
			next.has[y.Cluster] = push
		}
	}
	for id, l := range before.lists {
		if next.sent[id] == l.sent && !twice[id] {
			next.lists[id] = l
		}
	}
	for i := range r.Names {
		n := &r.Names[i]
		// Of a proxy that was sent something meanwhile, or connected anew, it is not known
		// what the list is of.
		if sent := next.sent[n.Proxy]; n.Istiod == a.Istiod && sent != "" && sent == before.sent[n.Proxy] && !twice[n.Proxy] {
			r.read(next, n, sent)
		}
	}
}

// read notes what a list of clusters says, which is of what was sent last.
func (r *round) read(in *instance, n *Names, sent string) {
	l := list{sent: sent, hosts: map[string]bool{}, has: map[plan.Cluster]bool{}}
	ports := map[plan.Cluster][]string{}
	for _, name := range n.Clusters {
		if part := strings.Split(name, "|"); len(part) == 4 && part[0] == "outbound" {
			c := plan.Cluster{Host: part[3], Subset: part[2]}
			ports[c] = append(ports[c], part[1])
		}
	}
	push, ok := number(sent)
	for _, host := range r.hosts() {
		l.hosts[host] = len(ports[plan.Cluster{Host: host}]) > 0
	}
	for _, y := range r.PendingClusters {
		whole := ports[plan.Cluster{Host: y.Host}]
		l.has[y.Cluster] = len(whole) > 0 && !slices.ContainsFunc(whole, func(port string) bool {
			return !slices.Contains(ports[y.Cluster], port)
		})
		if !ok || !l.has[y.Cluster] || !y.FirstOfName {
			continue
		}
		if known, before := in.has[y.Cluster]; !before || push < known {
			in.has[y.Cluster] = push
		}
	}
	in.lists[n.Proxy] = l
}
