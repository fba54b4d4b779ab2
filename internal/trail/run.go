package trail

import (
	"cmp"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Run is what a test run was served by.
type Run struct {
	// Name is the member or set that the run asked for.
	Name string `json:"name"`
	// Requests counts trails.
	Requests int      `json:"requests"`
	Served   []Server `json:"served"`
	Members  Tallies  `json:"members"`
}

// Server is a version of a service, and how many calls it served.
type Server struct {
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	// Version is empty if no record says it.
	Version string `json:"version,omitempty"`
	// Images are those of the pods that served, with their digests; empty if they can't be read.
	Images []string `json:"images,omitempty"`
	Calls  int      `json:"calls"`
	// Pods are the names of pods that served.
	Pods []string `json:"pods,omitempty"`
}

// Tally counts what became of a member.
type Tally struct {
	Member   string `json:"member"`
	Honoured int    `json:"honoured"`
	// Not has the requests in which it was not honoured.
	Not []Count `json:"not,omitempty"`
}

// Count counts requests in which a member was not honoured for one reason.
type Count struct {
	Reason   Cause  `json:"reason"`
	Message  string `json:"message"`
	Requests int    `json:"requests"`
}

// Passed reports whether there were requests, and all members were honoured in all of them.
func (r *Run) Passed() bool {
	return r.Requests > 0 && !slices.ContainsFunc(r.Members, func(t Tally) bool { return len(t.Not) > 0 })
}

// Asked lists the members that a request asked for, by what its proxies saw.
func (t *Trail) Asked() []grammar.Member {
	var out []grammar.Member
	for _, h := range t.All() {
		for _, m := range h.first().members() {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// AsksFor reports whether a request asked for a member, whatever its parameters.
func (t *Trail) AsksFor(member grammar.Member) bool {
	return slices.ContainsFunc(t.Asked(), func(m grammar.Member) bool {
		return m.Service == member.Service && m.Version == member.Version && (member.Namespace == "" || m.Namespace == member.Namespace)
	})
}

// NewRun judges the members of all trails by q, whose members it replaces. images returns those of
// a pod; it may be nil.
func NewRun(name string, trails []*Trail, q Question, images func(namespace, pod string) []string) *Run {
	out := &Run{Name: name, Requests: len(trails), Served: []Server{}, Members: Tallies{}}
	q.Others = trails
	for _, t := range trails {
		q.Members, q.Asked = t.Asked(), nil
		for _, v := range Judge(t, q) {
			out.Members.Add(v)
		}
		for _, h := range t.All() {
			out.serve(h, q.VersionLabel)
		}
	}
	for i := range out.Served {
		s := &out.Served[i]
		slices.Sort(s.Pods)
		for _, pod := range s.Pods {
			if images != nil {
				s.Images = append(s.Images, images(s.Namespace, pod)...)
			}
		}
		slices.Sort(s.Images)
		s.Images = slices.Compact(s.Images)
	}
	slices.SortFunc(out.Served, func(a, b Server) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Service, b.Service), strings.Compare(a.Version, b.Version))
	})
	slices.SortFunc(out.Members, func(a, b Tally) int { return strings.Compare(a.Member, b.Member) })
	return out
}

// Tallies count what became of members, each in one place.
type Tallies []Tally

// Add counts what became of a member in one request.
func (all *Tallies) Add(v Verdict) {
	at := slices.IndexFunc(*all, func(t Tally) bool { return t.Member == v.Member })
	if at < 0 {
		at = len(*all)
		*all = append(*all, Tally{Member: v.Member})
	}
	t := &(*all)[at]
	if v.Honoured {
		t.Honoured++
		return
	}
	same := slices.IndexFunc(t.Not, func(c Count) bool { return c.Reason == v.Reason && c.Message == v.Message })
	if same < 0 {
		same = len(t.Not)
		t.Not = append(t.Not, Count{Reason: v.Reason, Message: v.Message})
	}
	t.Not[same].Requests++
}

// serve counts a call that a pod served.
func (r *Run) serve(h *Hop, label string) {
	if h.In != nil && h.In.Side == Gateway || h.In == nil && h.Out.Served == (Workload{}) {
		return
	}
	name, namespace := h.Service()
	if _, in := h.Workload(); in != "" {
		namespace = in
	}
	version := h.Version(label)
	at := slices.IndexFunc(r.Served, func(s Server) bool { return s.Service == name && s.Namespace == namespace && s.Version == version })
	if at < 0 {
		at = len(r.Served)
		r.Served = append(r.Served, Server{Service: name, Namespace: namespace, Version: version})
	}
	s := &r.Served[at]
	s.Calls++
	if pod := h.Pod(); pod != "" && !slices.Contains(s.Pods, pod) {
		s.Pods = append(s.Pods, pod)
	}
}
