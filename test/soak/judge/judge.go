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
	// service is the Service of the hop that went wrong, empty if unknown.
	service string
}

// judge decides the class of a request, and whether it went well. The book must be
// locked.
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
	// Whether the overridden Service was reached at all.
	if r.override != nil && !slices.ContainsFunc(hops, func(h *chain.Answer) bool { return h.Service == r.override.Service }) {
		return verdict{kind: failed, what: "it did not get to " + r.override.Service}, class
	}
	return verdict{}, class
}

// class is the class of r, by the time when it was sent.
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
		// Even a request that was sent before may have been with the program.
		return Crashed
	case r.sent.Before(o.ended) && at.Sub(o.ended) < aftermath:
		return announced
	}
	return o.why
}

// aftermath is the time for which a version at least serves as before after the end of
// its announcement: istiod collects changes for this long. A request in flight for longer
// may have reached its last hop later.
const aftermath = 100 * time.Millisecond

// unlessRobbed is the class, except for requests that a user's deletion affected.
func (r *Request) unlessRobbed(class Class, service string) Class {
	if until, ok := r.book.robbed[service]; ok && r.sent.Before(until) {
		return Robbed
	}
	return class
}

// hop judges the server of one hop.
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
