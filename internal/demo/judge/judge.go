package judge

import (
	"fmt"
	"slices"
	"sync"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// Judge judges requests while the expectation changes.
type Judge struct {
	mu sync.Mutex
	// now counts calls of Settle.
	now    int
	states []state
	// running counts requests by the time they began.
	running map[int]int
}

type state struct {
	expected *Expectation
	// until is when the expectation ceased to be right; 0 while it is.
	until int
}

// New returns a judge without an expectation.
func New() *Judge { return &Judge{now: 1, running: map[int]int{}} }

// Change means that from now on next may apply, and still the earlier expectation.
func (j *Judge) Change(next *Expectation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.states = append(j.states, state{expected: next})
}

// Settle means that the last Change applies, and the earlier expectation no longer does.
func (j *Judge) Settle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now++
	for i := range j.states[:max(0, len(j.states)-1)] {
		if j.states[i].until == 0 {
			j.states[i].until = j.now
		}
	}
	j.forget()
}

// forget drops expectations that no request can have met.
func (j *Judge) forget() {
	oldest := j.now
	for began := range j.running {
		oldest = min(oldest, began)
	}
	j.states = slices.DeleteFunc(j.states, func(s state) bool { return s.until != 0 && s.until <= oldest })
}

// Request is one request in flight.
type Request struct {
	judge *Judge
	began int
}

// Begin must be called before a request is sent, and [Request.End] after its answer.
func (j *Judge) Begin() *Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[j.now]++
	return &Request{judge: j, began: j.now}
}

// End returns the fault of the answer to a call; nil if there is none. A request without
// an answer is ended with nil.
func (r *Request) End(c *Call, a *chain.Answer) error {
	j := r.judge
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running[r.began]--; j.running[r.began] == 0 {
		delete(j.running, r.began)
	}
	var met []*Expectation
	for _, s := range j.states {
		if s.until == 0 || s.until > r.began {
			met = append(met, s.expected)
		}
	}
	if a == nil {
		return nil
	}
	return hop(met, c, a)
}

// hop checks a call, and then the calls made for it.
func hop(met []*Expectation, c *Call, a *chain.Answer) error {
	var want string
	if !slices.ContainsFunc(met, func(e *Expectation) bool {
		var ok bool
		ok, want = e.accepts(c, a)
		return ok
	}) {
		return fmt.Errorf("%s %s: answered by %s (pod %q, status %d %s), want %s", c.Method, c.URL, a.Path()[0], a.Pod, a.Status, a.Error, want)
	}
	pod := find(met, a)
	if pod == nil {
		return nil
	}
	if len(a.Calls) != len(pod.Next) {
		return fmt.Errorf("pod %s made %d calls, want %d", pod.Name, len(a.Calls), len(pod.Next))
	}
	for i := range a.Calls {
		next := &Call{Caller: pod.Caller, Method: c.Method, URL: pod.Next[i], Header: c.Header}
		if err := hop(met, next, &a.Calls[i]); err != nil {
			return err
		}
	}
	return nil
}

// find returns the pod that answered; nil if it is not known, or if none did.
func find(met []*Expectation, a *chain.Answer) *Pod {
	for _, e := range slices.Backward(met) {
		for i := range e.pods[a.Pod] {
			if a.Error == "" && a.Pod != "" {
				return &e.pods[a.Pod][i]
			}
		}
	}
	return nil
}
