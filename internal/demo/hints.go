package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/judge"
)

// hints returns commands to try, which can be pasted.
func (w *World) hints(s *State) (string, error) {
	entry := s.Entry()
	if entry.Host == "" {
		return "There is no Service yet with a port for HTTP and pods.\n", nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nTry it:\n\n  curl %s\n", w.URL())
	for _, members := range suggestions(s.others(entry)) {
		fmt.Fprintf(&b, "  curl -H 'x-override: %s' %s\n", members, w.URL())
	}
	if w.trust != nil {
		text, err := w.trust.mint(granted, time.Now())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\nOnly tokens count here, so these headers change nothing. With a token for %s, valid for an hour:\n\n", granted)
		fmt.Fprintf(&b, "  curl -H '%s: %s' %s\n", w.trust.header, text, w.URL())
	}
	fmt.Fprintf(&b, "\nCall any Service by its name, with the client's Envoy as a proxy:\n\n")
	fmt.Fprintf(&b, "  curl -x %s %s\n", w.URL(), s.lastURL(entry))
	fmt.Fprintf(&b, "\n-H 'accept: application/json' shows the headers that each service received. Ctrl-C ends the demo.\n")
	return b.String(), nil
}

// suggestions returns overrides to try: one from the middle of the chain, that and a
// later one, and a version that does not exist.
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

// others lists the versions that are not released, one for each Service that a request to
// entry passes, in that order.
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

// lastURL is the client's URL for the last Service that a request to entry passes.
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
