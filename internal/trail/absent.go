package trail

import (
	"fmt"
	"slices"
	"strings"
)

// notCalled says why there is no call of the Service: a redirect or a cache answered, or nothing
// says that anything called it.
func (j *judging) notCalled() *finding {
	if j.Answer != "" {
		return &finding{reason: AnsweredBefore, message: j.Answer}
	}
	all := j.trail.All()
	for _, h := range all {
		r := h.last()
		switch {
		case len(h.Calls) > 0 || !r.carries(j.asked):
		case slices.Contains(r.Flags, "RFCF"):
			return &finding{reason: AnsweredBefore, message: fmt.Sprintf("the cache of the proxy of %s answered", h.Called())}
		case isRedirect(r) && r.Status != 304:
			return &finding{reason: AnsweredBefore, message: fmt.Sprintf("%s answered with a redirect (%d)", h.Called(), r.Status)}
		}
	}
	if h := j.silent(all); h != nil {
		return &finding{reason: AnsweredBefore, message: fmt.Sprintf("%s answered without calling %s, which it called for other requests: most likely from a cache", h.Called(), j.member.Service)}
	}
	if f := j.refused(all); f != nil {
		return f
	}
	if j.Snapshot != nil {
		if f := j.Snapshot.cannot(j.member); f != nil && f.reason == NoSuchVersion {
			return f
		}
	}
	message := "no record says that anything called " + j.member.Service
	if j.member.IsSet() {
		message = "no service that has the version was called"
	}
	if last := j.ends(all); len(last) > 0 {
		message += "; nothing came out of " + strings.Join(last, ", ")
	}
	return &finding{reason: NotCalled, message: message}
}

// silent returns a call of a service that called the Service of the member for other requests,
// and did not for this one; nil for none.
func (j *judging) silent(all []*Hop) *Hop {
	for _, t := range j.Others {
		for _, h := range t.All() {
			if h.parent == nil || !j.concerns(h) {
				continue
			}
			at := slices.IndexFunc(all, func(own *Hop) bool { return own.last().carries(j.asked) && sameService(own, h.parent) })
			if at >= 0 {
				return all[at]
			}
		}
	}
	return nil
}

func sameService(a, b *Hop) bool {
	name, namespace := a.Service()
	other, otherIn := b.Service()
	return name == other && namespace == otherIn
}

// refused says which guard answered the request, or removed the override before any program got
// it.
func (j *judging) refused(all []*Hop) *finding {
	for _, h := range all {
		r := h.last()
		if r.receives() && r.Upstream.To == "" && (r.Status == 401 || r.Status == 403) {
			return &finding{reason: RefusedByGuard, message: fmt.Sprintf("%s answered %d: a guard refused the request", h.Called(), r.Status)}
		}
	}
	root := j.trail.Roots[0]
	if j.Sent && root.Out == nil && !root.In.carries(j.asked) {
		f := root.goneAt()
		return &f
	}
	return nil
}

// ends lists what got the member and called nothing, as far as records say.
func (j *judging) ends(all []*Hop) []string {
	var out []string
	for _, h := range all {
		if h.In != nil && len(h.Calls) == 0 && h.In.carries(j.asked) && !slices.Contains(out, h.Called()) {
			out = append(out, h.Called())
		}
	}
	return out
}
