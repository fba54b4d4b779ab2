package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/demo/judge"
)

// hints are the commands to try: they work when pasted.
func (w *World) hints(s *State) string {
	entry := s.Entry()
	if entry.Host == "" {
		return "There is no Service yet that has a port for HTTP and pods.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nTry it:\n\n  curl %s\n", w.URL())
	for _, members := range suggestions(s.others(entry)) {
		fmt.Fprintf(&b, "  curl -H 'x-override: %s' %s\n", members, w.URL())
	}
	fmt.Fprintf(&b, "\nAny Service answers to its name, with the Envoy of the client as a proxy:\n\n")
	fmt.Fprintf(&b, "  curl -x %s %s\n", w.URL(), s.lastURL(entry))
	fmt.Fprintf(&b, "\n-H 'accept: application/json' shows what each service was sent. Ctrl-C ends it all.\n")
	return b.String()
}

// suggestions are overrides to try: one from the middle of the chain, that and a
// later one, and a version that is not there.
func suggestions(members []string) []string {
	if len(members) == 0 {
		return nil
	}
	at := (len(members) - 1) / 2
	out := []string{members[at]}
	if later := min(at+2, len(members)-1); later != at {
		out = append(out, members[at]+", "+members[later])
	}
	name, _, _ := strings.Cut(members[at], ":")
	return append(out, name+":v404;strict")
}

// others lists the versions that are not released, one of each Service that a
// request to entry passes, in the order in which it does.
func (s *State) others(entry Entry) []string {
	var out []string
	s.pass(entry, func(host string) {
		for i := range s.Result.Services {
			r := &s.Result.Services[i]
			for _, v := range r.Versions {
				if r.Host == host && !v.Released && v.Ready > 0 {
					out = append(out, r.Name+":"+v.Name)
					return
				}
			}
		}
	})
	return out
}

// lastURL is how the client calls the last Service that a request to entry passes.
func (s *State) lastURL(entry Entry) string {
	last := entry.URL
	s.pass(entry, func(host string) {
		if service := judge.Resolve(s.Snapshot, host, ""); service != nil && httpPort(service) != 0 {
			last = callURL(service, entry.Namespace)
		}
	})
	return last
}

// pass visits the Services that a request to entry passes, each once.
func (s *State) pass(entry Entry, visit func(host string)) {
	calls := s.calls()
	passed := map[string]bool{}
	var walk func(host string)
	walk = func(host string) {
		if passed[host] {
			return
		}
		passed[host] = true
		visit(host)
		for _, next := range slices.Sorted(maps.Keys(calls[host])) {
			walk(next)
		}
	}
	walk(entry.Host)
}
