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
	// apart is how far the two rounds that agree are at least.
	apart = 20 * time.Millisecond
	// pauseLeast is the pause between rounds, and pauseRatio how much longer at least
	// than a round it is.
	pauseLeast = 40 * time.Millisecond
	pauseRatio = 2
	// pauseRoutes is the pause while only routes are waited for: nothing is held up.
	pauseRoutes = 100 * time.Millisecond
	// stuckAfter is how long a proxy may owe an acknowledgement and still be waited for
	// in the hope of getting one.
	stuckAfter = 10 * time.Second
	// hostAge is longer than istiod gathers changes (10 s) and takes to push them: a
	// proxy that has no cluster of a host that old does not want one.
	hostAge = 20 * time.Second
)

// Stream is what passed between istiod and a proxy of one type: nonces.
type Stream struct {
	Sent, Acked string
	// At is when it was sent, by istiod's clock; zero if not known.
	At time.Time
}

// Proxy is what an istiod says of a proxy that is connected to it.
type Proxy struct {
	// ID is NAME.NAMESPACE of the pod.
	ID string
	// Type is sidecar, router, waypoint or ztunnel.
	Type string

	Clusters, Endpoints, Listeners, Routes Stream
}

// Answer is what one istiod says of all of its proxies.
type Answer struct {
	Istiod  string
	Proxies []Proxy
}

// Question asks an istiod for the names of the clusters that one of its proxies was
// sent.
type Question struct{ Istiod, Proxy string }

// Names answers a Question.
type Names struct {
	Question

	Clusters []string
}

// State is what is known of a proxy.
type State string

const (
	// Synced is that it has all clusters in question.
	Synced State = "synced"
	// Behind is that it lacks one, and may be about to get it.
	Behind State = "behind"
	// Stuck is that it lacks one, and has not answered istiod for long.
	Stuck State = "stuck"
	// Unknown is that nothing is known of it yet.
	Unknown State = "unknown"
	// Missing is that no istiod knows it: it is connected to none of those asked.
	Missing State = "missing"
)

// states are all of them, the better ones first.
var states = []State{Synced, Unknown, Behind, Stuck, Missing}

// States lists all states.
func States() []State { return slices.Clone(states) }

// Input is everything that is judged. Nothing in it is changed.
type Input struct {
	// Memory is that of the round before; the zero Memory knows nothing.
	Memory Memory
	// Young are the clusters in question.
	PendingClusters []plan.PendingCluster
	// Rows are the override rows in question.
	PendingRows []plan.PendingRow
	// Routes are what istiods sent us of the route configurations that we subscribe to,
	// the earlier first: since the round before, and before these Answers.
	Routes []Routes
	// Answers are of all istiods; one that did not answer leaves the round without a
	// result, and is left out by not judging at all.
	Answers []Answer
	// Names answer what was asked in the round before. They were given after its
	// Answers, and before these.
	Names []Names
	// Pods are the IDs of ready pods that have a proxy.
	Pods []string
	// Self begins the IDs of those who only ask, as we do.
	Self string
	Now  time.Time
}

// Output is a judgement.
type Output struct {
	// Settled are those of the clusters in question that every proxy has, and since when
	// they are as they are.
	Acked map[plan.Cluster]time.Time
	// Behind is set where a proxy lacks a cluster that is awaited and may be about to
	// get it.
	Behind bool
	// RoutesSettled are those of the versions in question to which every proxy has the
	// routes, and since when these are in place.
	RoutesAcked map[route.Version]time.Time
	// RoutesBehind is set where a proxy lacks a route and may be about to get it.
	RoutesBehind bool
	// Ask is what to ask before the next round.
	Ask []Question
	// Soon is set where the next round alone is wanting.
	Confirm bool
	// Proxies counts them by state.
	Proxies map[State]int
	// least is the pause before the next round, at least.
	least time.Duration
	// Memory is for the next round.
	Memory Memory
}

// Pause is how long to wait before the next round, after one that took some time:
// istiod has other things to do too.
func (o *Output) Pause(took time.Duration) time.Duration {
	if o.Confirm {
		return apart
	}
	return max(o.least, pauseRatio*took)
}

// round is one judgement in the making.
type round struct {
	*Input
	next Memory
	out  Output
	// worst is the state of each proxy, as of the cluster of which it is worst.
	worst map[Question]State
}

// Judge judges one round.
func Evaluate(in Input) Output {
	r := &round{Input: &in, next: newMemory(), worst: map[Question]State{}}
	for i := range r.Answers {
		r.learn(&r.Answers[i])
		for j := range r.Answers[i].Proxies {
			if p := &r.Answers[i].Proxies[j]; !r.bystander(p) {
				r.worst[Question{r.Answers[i].Istiod, p.ID}] = Synced
			}
		}
	}
	missing := r.missing()
	r.out.Acked = map[plan.Cluster]time.Time{}
	for i := range r.PendingClusters {
		if y := &r.PendingClusters[i]; r.settled(y, missing) {
			r.out.Acked[y.Cluster] = y.Since
		}
	}
	r.settleRoutes(missing)
	r.count(missing)
	r.ask()
	r.out.least = pauseRoutes
	if slices.ContainsFunc(r.PendingClusters, func(y plan.PendingCluster) bool { return y.FirstOfName && y.Blocking }) {
		r.out.least = pauseLeast
	}
	r.out.Memory = r.next
	return r.out
}

// settled reports whether every proxy has a cluster, as this round and the one
// before say.
func (r *round) settled(y *plan.PendingCluster, missing int) bool {
	key := key{y.Cluster, y.Since}
	if !y.FirstOfName {
		return false
	}
	all := missing == 0 && len(r.Answers) > 0
	for i := range r.Answers {
		a := &r.Answers[i]
		_, known := r.next.istiods[a.Istiod].has[y.Cluster]
		for j := range a.Proxies {
			p := &a.Proxies[j]
			if r.bystander(p) {
				continue
			}
			state := r.state(a, p, y)
			r.note(Question{a.Istiod, p.ID}, state)
			all = all && known && state == Synced
			if state == Behind || state == Unknown && r.Memory.behind[key] {
				r.next.behind[key] = true
			}
		}
	}
	r.out.Behind = r.out.Behind || y.Blocking && r.next.behind[key]
	if !all {
		return false
	}
	return lasts(r, r.Memory.agreed, r.next.agreed, key)
}

// lasts notes that this round has found something everywhere, and reports whether the
// rounds before have, for long enough.
func lasts[K comparable](r *round, before, now map[K]time.Time, key K) bool {
	first, ok := before[key]
	if !ok {
		first = r.Now
	}
	now[key] = first
	if r.Now.Sub(first) < apart {
		r.out.Confirm = true
		return false
	}
	return true
}

// bystander reports whether p is no proxy that has clusters.
func (r *round) bystander(p *Proxy) bool {
	return p.Type == "ztunnel" || r.Self != "" && strings.HasPrefix(p.ID, r.Self)
}

// state is what is known of a proxy and a cluster.
func (r *round) state(a *Answer, p *Proxy, y *plan.PendingCluster) State {
	istiod := r.next.istiods[a.Istiod]
	list, listed := istiod.lists[p.ID]
	listed = listed && list.knows(y.Host)
	if listed && !list.hosts[y.Host] && !y.HostSince.IsZero() && r.Now.Sub(y.HostSince) >= hostAge {
		return Synced
	}
	if istiod.placed(p, list, y.Cluster) {
		if p.Endpoints.Sent != "" && p.Endpoints.Sent == p.Endpoints.Acked {
			return Synced
		}
		return r.late(&p.Endpoints)
	}
	switch {
	case p.Clusters.Sent != p.Clusters.Acked:
		return r.late(&p.Clusters)
	case listed && list.hosts[y.Host]:
		return Behind
	}
	return Unknown
}

// placed reports whether p has acknowledged a cluster.
func (i *instance) placed(p *Proxy, list list, c plan.Cluster) bool {
	acked, ok := number(p.Clusters.Acked)
	if !ok {
		return false
	}
	push, known := i.has[c]
	// The list is of what was sent last.
	return known && acked >= push || list.has[c] && p.Clusters.Sent == p.Clusters.Acked
}

// late tells a proxy that may be about to answer from one that is not.
func (r *round) late(s *Stream) State {
	if s.Sent != s.Acked && !s.At.IsZero() && r.Now.Sub(s.At) > stuckAfter {
		return Stuck
	}
	return Behind
}

// missing counts the pods of which no istiod speaks.
func (r *round) missing() int {
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

// note keeps the worst state of a proxy.
func (r *round) note(q Question, s State) {
	if slices.Index(states, s) > slices.Index(states, r.worst[q]) {
		r.worst[q] = s
	}
}

// count counts proxies by state.
func (r *round) count(missing int) {
	r.out.Proxies = map[State]int{Missing: missing}
	for _, s := range r.worst {
		r.out.Proxies[s]++
	}
}

// number returns the number of the push that a nonce is of.
func number(nonce string) (uint64, bool) {
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
