package proxysync

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	// minRoundGap is the shortest time between two rounds that confirm each other.
	minRoundGap = 20 * time.Millisecond
	// minPause is the shortest pause between rounds. pauseRatio is the shortest pause as a
	// multiple of the duration of a round.
	minPause   = 40 * time.Millisecond
	pauseRatio = 2
	// routePause is the pause while only routes are pending: they block no change.
	routePause = 100 * time.Millisecond
	// stuckAfter is how long to wait for a proxy that owes an acknowledgement.
	stuckAfter = 10 * time.Second
	// minHostAge is longer than istiod takes to debounce changes (10 s) and to push them. A
	// proxy without a cluster of a host that old does not need one.
	minHostAge = 20 * time.Second
)

// Stream is the state of one resource type between an istiod and a proxy. Sent and Acked
// are nonces.
type Stream struct {
	Sent, Acked string
	// At is when Sent was sent, by istiod's clock; zero if unknown.
	At time.Time
}

// Proxy is a connected proxy, as an istiod reports it.
type Proxy struct {
	// ID is NAME.NAMESPACE of the pod.
	ID string
	// Type is sidecar, router, waypoint or ztunnel.
	Type string

	Clusters, Endpoints, Listeners, Routes Stream
}

// Answer is the report of one istiod about all of its proxies.
type Answer struct {
	Istiod  string
	Proxies []Proxy
}

// Question asks an istiod for the names of the clusters that it sent to one of its proxies.
type Question struct{ Istiod, Proxy string }

// Names answers a Question.
type Names struct {
	Question

	Clusters []string
}

// State is the state of a proxy.
type State string

const (
	// Synced means that the proxy has everything that is pending.
	Synced State = "synced"
	// Behind means that it lacks something, and may be about to get it.
	Behind State = "behind"
	// Stuck means that it lacks something, and has not answered istiod for long.
	Stuck State = "stuck"
	// Unknown means that nothing is known about it yet.
	Unknown State = "unknown"
	// Missing means that it is connected to no istiod that was asked.
	Missing State = "missing"
)

// states lists all states, the better ones first.
var states = []State{Synced, Unknown, Behind, Stuck, Missing}

// States lists all states.
func States() []State { return slices.Clone(states) }

// Input is everything that a round depends on. Evaluate changes nothing in it.
type Input struct {
	// Memory comes from the previous round; the zero Memory knows nothing.
	Memory Memory
	// PendingClusters are the clusters that some proxies may not have.
	PendingClusters []plan.PendingCluster
	// PendingRows are the override rows that some proxies may not have.
	PendingRows []plan.PendingRow
	// Routes are the responses of istiods to the operator's own subscription to routes, since
	// the previous round and before these Answers. Earlier ones come first.
	Routes []Routes
	// Answers are those of all istiods. A round in which one did not answer must not be
	// evaluated.
	Answers []Answer
	// Names answer the questions of the previous round. Istiods gave them after the Answers
	// of that round, and before these.
	Names []Names
	// Pods are the IDs of ready pods that have a proxy.
	Pods []string
	// Self is a prefix of the proxy IDs of operators, which only subscribe in order to ask.
	Self string
	Now  time.Time
}

// Output is the result of a round.
type Output struct {
	// Acked maps each pending cluster that every proxy has to its PendingCluster.Since.
	Acked map[plan.Cluster]time.Time
	// Behind is set if a proxy lacks a blocking cluster and may be about to get it.
	Behind bool
	// RoutesAcked maps each version whose routes every proxy has to its PendingRow.Since.
	RoutesAcked map[route.Version]time.Time
	// RoutesBehind is set if a proxy lacks a route and may be about to get it.
	RoutesBehind bool
	// Ask lists the questions for the next round.
	Ask []Question
	// Confirm is set if only a second round that agrees is missing.
	Confirm bool
	// Proxies counts the proxies in each state.
	Proxies map[State]int
	// minPause is the shortest pause before the next round.
	minPause time.Duration
	// Memory is the input of the next round.
	Memory Memory
}

// Pause returns how long to wait before the next round, after one that took some time. It
// bounds the load on istiod.
func (o *Output) Pause(took time.Duration) time.Duration {
	if o.Confirm {
		return minRoundGap
	}
	return max(o.minPause, pauseRatio*took)
}

// round holds the state of one evaluation.
type round struct {
	*Input
	next Memory
	out  Output
	// worst is the worst state of each proxy, over all pending clusters and rows.
	worst map[Question]State
}

// Evaluate evaluates one round.
func Evaluate(in Input) Output {
	r := &round{Input: &in, next: newMemory(), worst: map[Question]State{}}
	for i := range r.Answers {
		r.update(&r.Answers[i])
		for j := range r.Answers[i].Proxies {
			if p := &r.Answers[i].Proxies[j]; !r.ignored(p) {
				r.worst[Question{r.Answers[i].Istiod, p.ID}] = Synced
			}
		}
	}
	missing := r.missingPods()
	r.out.Acked = map[plan.Cluster]time.Time{}
	for i := range r.PendingClusters {
		if c := &r.PendingClusters[i]; r.acked(c, missing) {
			r.out.Acked[c.Cluster] = c.Since
		}
	}
	r.findAckedRoutes(missing)
	r.countProxies(missing)
	r.ask()
	r.out.minPause = routePause
	if slices.ContainsFunc(r.PendingClusters, func(c plan.PendingCluster) bool { return c.FirstOfName && c.Blocking }) {
		r.out.minPause = minPause
	}
	r.out.Memory = r.next
	return r.out
}

// acked reports whether every proxy has a cluster, according to this round and the one
// before.
func (r *round) acked(c *plan.PendingCluster, missing int) bool {
	key := clusterKey{c.Cluster, c.Since}
	if !c.FirstOfName {
		return false
	}
	all := missing == 0 && len(r.Answers) > 0
	for i := range r.Answers {
		a := &r.Answers[i]
		_, known := r.next.istiods[a.Istiod].firstPush[c.Cluster]
		for j := range a.Proxies {
			p := &a.Proxies[j]
			if r.ignored(p) {
				continue
			}
			state := r.clusterState(a, p, c)
			r.noteState(Question{a.Istiod, p.ID}, state)
			all = all && known && state == Synced
			if state == Behind || state == Unknown && r.Memory.behind[key] {
				r.next.behind[key] = true
			}
		}
	}
	r.out.Behind = r.out.Behind || c.Blocking && r.next.behind[key]
	if !all {
		return false
	}
	return agreedLongEnough(r, r.Memory.agreed, r.next.agreed, key)
}

// agreedLongEnough records that this round has found something everywhere, and reports
// whether earlier rounds have too, at least minRoundGap ago.
func agreedLongEnough[K comparable](r *round, before, now map[K]time.Time, key K) bool {
	first, ok := before[key]
	if !ok {
		first = r.Now
	}
	now[key] = first
	if r.Now.Sub(first) < minRoundGap {
		r.out.Confirm = true
		return false
	}
	return true
}

// ignored reports whether p has no clusters to wait for: a ztunnel, or an operator.
func (r *round) ignored(p *Proxy) bool {
	return p.Type == "ztunnel" || r.Self != "" && strings.HasPrefix(p.ID, r.Self)
}

// clusterState returns the state of a proxy with regard to a cluster.
func (r *round) clusterState(a *Answer, p *Proxy, c *plan.PendingCluster) State {
	istiod := r.next.istiods[a.Istiod]
	list, listed := istiod.lists[p.ID]
	listed = listed && list.knows(c.Host)
	if listed && !list.hosts[c.Host] && !c.HostSince.IsZero() && r.Now.Sub(c.HostSince) >= minHostAge {
		return Synced
	}
	if istiod.acknowledged(p, list, c.Cluster) {
		if p.Endpoints.Sent != "" && p.Endpoints.Sent == p.Endpoints.Acked {
			return Synced
		}
		return r.lateState(&p.Endpoints)
	}
	switch {
	case p.Clusters.Sent != p.Clusters.Acked:
		return r.lateState(&p.Clusters)
	case listed && list.hosts[c.Host]:
		return Behind
	}
	return Unknown
}

// acknowledged reports whether p has acknowledged a cluster.
func (i *instance) acknowledged(p *Proxy, list list, c plan.Cluster) bool {
	acked, ok := pushNumber(p.Clusters.Acked)
	if !ok {
		return false
	}
	push, known := i.firstPush[c]
	// The list has the clusters that were sent last.
	return known && acked >= push || list.has[c] && p.Clusters.Sent == p.Clusters.Acked
}

// lateState tells a proxy that may be about to answer from a stuck one.
func (r *round) lateState(s *Stream) State {
	if s.Sent != s.Acked && !s.At.IsZero() && r.Now.Sub(s.At) > stuckAfter {
		return Stuck
	}
	return Behind
}

// missingPods counts the pods that are in no answer.
func (r *round) missingPods() int {
	there := map[string]bool{}
	for i := range r.Answers {
		for j := range r.Answers[i].Proxies {
			there[r.Answers[i].Proxies[j].ID] = true
		}
	}
	missing := 0
	for _, pod := range r.Pods {
		if !there[pod] {
			missing++
		}
	}
	return missing
}

// noteState records a state of a proxy, if it is worse than those before.
func (r *round) noteState(q Question, s State) {
	if slices.Index(states, s) > slices.Index(states, r.worst[q]) {
		r.worst[q] = s
	}
}

// countProxies counts the proxies in each state.
func (r *round) countProxies(missing int) {
	r.out.Proxies = map[State]int{Missing: missing}
	for _, s := range r.worst {
		r.out.Proxies[s]++
	}
}

// pushNumber returns the number of the push in a nonce.
func pushNumber(nonce string) (uint64, bool) {
	const uuid = 36
	if len(nonce) <= uuid {
		return 0, false
	}
	_, digits, ok := strings.Cut(nonce[:len(nonce)-uuid], "/")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// compareQuestions orders questions.
func compareQuestions(a, b Question) int {
	return cmp.Or(cmp.Compare(a.Istiod, b.Istiod), cmp.Compare(a.Proxy, b.Proxy))
}
