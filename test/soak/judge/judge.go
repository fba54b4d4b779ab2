package judge

import (
	"fmt"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

type kind int

const (
	fine kind = iota
	failed
	misrouted
)

type verdict struct {
	kind kind
	what string
	// service is that whose hop went wrong, empty where that is not known.
	service string
}

// judge decides what was asked of a request, and whether that came to be. The
// book is locked.
func (r *Request) judge(at time.Time, answer *chain.Answer, err error) (verdict, Class) {
	class := r.class(at)
	switch {
	case err != nil:
		return verdict{kind: failed, what: "no answer"}, r.unlessRobbed(class, r.to)
	case answer == nil:
		return verdict{kind: failed, what: "no answer"}, r.unlessRobbed(class, r.to)
	}
	hops := flatten(answer)
	for _, hop := range hops {
		class := r.unlessRobbed(class, hop.Service)
		if v := r.hop(hop, at); v.kind != fine {
			return v, class
		}
	}
	// Whether the Service that was asked for was reached at all.
	if r.override != nil && !slices.ContainsFunc(hops, func(h *chain.Answer) bool { return h.Service == r.override.Service }) {
		return verdict{kind: failed, what: "it did not get to " + r.override.Service}, class
	}
	return verdict{}, class
}

// class is what is asked of r, by when it was sent.
func (r *Request) class(at time.Time) Class {
	o := r.override
	announced := Announced
	if r.blind {
		announced = Blind
	}
	switch {
	case r.absent:
		return Absent
	case o == nil:
		return Ordinary
	case o.ended.IsZero() || at.Before(o.ended):
		return announced
	case o.why == Crashed:
		// Even one that was sent before it may have been with the program.
		return Crashed
	case r.sent.Before(o.ended) && at.Sub(o.ended) < aftermath:
		return announced
	}
	return o.why
}

// aftermath is for how long after its announcement has ended a version serves as
// before, at the least: istiod gathers changes for so long. What is under way longer
// than that may have been on its last hop later.
const aftermath = 100 * time.Millisecond

// unlessRobbed is the class, but for requests that a user's deletion was in the
// way of.
func (r *Request) unlessRobbed(class Class, service string) Class {
	if until, ok := r.book.robbed[service]; ok && r.sent.Before(until) {
		return Robbed
	}
	return class
}

// hop judges who served one hop.
func (r *Request) hop(a *chain.Answer, at time.Time) verdict {
	if a.Error != "" {
		return verdict{failed, fmt.Sprintf("%s answered %d: %s", a.Service, a.Status, a.Error), a.Service}
	}
	released := slices.Contains(r.released[a.Service], a.Version) || slices.Contains(r.book.released[a.Service], a.Version)
	if o := r.override; o != nil && o.Service == a.Service {
		if a.Version == o.Name {
			return verdict{}
		}
		if !r.blind && (o.ended.IsZero() || at.Before(o.ended)) {
			return verdict{misrouted, fmt.Sprintf("%s was asked for, %s served", o, a.Version), a.Service}
		}
	}
	if !released {
		return verdict{misrouted, fmt.Sprintf("%s:%s served, which is not released", a.Service, a.Version), a.Service}
	}
	return verdict{}
}

// flatten lists the answers of all hops, depth first.
func flatten(a *chain.Answer) []*chain.Answer {
	out := []*chain.Answer{a}
	for i := range a.Calls {
		out = append(out, flatten(&a.Calls[i])...)
	}
	return out
}
