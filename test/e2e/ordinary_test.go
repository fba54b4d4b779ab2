package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// ordinary has the outcomes of an ordinary request, over several attempts.
type ordinary struct {
	of *conform.Case
	// servers answered; answers have all other properties of the answers.
	servers []conform.Server
	answers []string
	// outcomes are its outcomes, in the form of Want.
	outcomes []string
	// stripped are answers without mentions of the carriers.
	stripped []string
	// samples is how often it is sent, if not the default.
	samples int
	// all says that it was sent often enough for servers to be complete.
	all bool
	err error
}

// samples is how often a picked ordinary request is sent. A server that gets a tenth of
// the requests is missed with a probability of 10⁻⁹.
const samples = 200

// sendOrdinary sends all cases without an override, and the others with their carriers
// removed.
func sendOrdinary(t *testing.T, w *conform.World, p player, others bool) []ordinary {
	t.Helper()
	var out []ordinary
	for _, c := range cases(t, w) {
		plain := withoutCarriers(c)
		if len(plain.Header) == len(c.Header) {
			out = append(out, ordinary{of: &c})
		} else if others {
			// Who answers these is not compared.
			plain.Kind = "stripped"
			out = append(out, ordinary{of: &plain})
		}
	}
	parallel(len(out), func(i int) { out[i].send(t.Context(), p) })
	return out
}

var carriers = []string{grammar.DefaultHeader, grammar.BaggageHeader}

// withoutCarriers returns c without its override headers, and without baggage if that
// contains an override.
func withoutCarriers(c conform.Case) conform.Case {
	inBaggage := grammar.AnyBaggage(c.Lines(grammar.BaggageHeader))
	c.Header = slices.DeleteFunc(slices.Clone(c.Header), func(h conform.Header) bool {
		return strings.EqualFold(h.Name, grammar.DefaultHeader) || (inBaggage && strings.EqualFold(h.Name, grammar.BaggageHeader))
	})
	return c
}

// send sends it; slow ones less often.
func (o *ordinary) send(ctx context.Context, p player) {
	n := 1
	if o.all = o.of.Kind == conform.Picked; o.all {
		n = samples
	}
	if o.samples > 0 {
		n = o.samples
	}
	for range n {
		observed, err := p.Send(ctx, o.of)
		if err != nil {
			o.err = err
			return
		}
		if !slices.Contains(o.servers, observed.Server) {
			o.servers = append(o.servers, observed.Server)
		}
		if w := p.Oracle().World.Outcome(observed); !slices.Contains(o.outcomes, w) {
			o.outcomes = append(o.outcomes, w)
		}
		if answer := signature(observed); !slices.Contains(o.answers, answer) {
			o.answers = append(o.answers, answer)
		}
		if answer := signature(observed, carriers...); !slices.Contains(o.stripped, answer) {
			o.stripped = append(o.stripped, answer)
		}
		if observed.Elapsed > slow {
			o.all = false
			return
		}
	}
	slices.Sort(o.answers)
	slices.Sort(o.outcomes)
}

// varying headers differ between requests, or between servers. Those of tracing are
// present only on the few traced requests; one of them, x-envoy-decorator-operation, is
// the name of the span, and contains the VirtualService's.
var varying = []string{
	"x-request-id", "date", "x-envoy-upstream-service-time", "content-length", "x-forwarded-client-cert", stage.CaseHeader,
	"traceparent", "tracestate", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-envoy-decorator-operation",
}

// signature has all of an observation except the server, varying headers, and the given
// headers.
func signature(o *conform.Observation, without ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "status %d, %s %s of %s", o.Status, o.Method, o.Path, o.Host)
	if o.Server.ID == "" {
		fmt.Fprintf(&out, ", body %q", o.Body)
	}
	for _, part := range []struct {
		name   string
		header map[string][]string
	}{{"answer", o.Header}, {"request", o.Seen}} {
		for _, name := range slices.Sorted(maps.Keys(part.header)) {
			if !slices.Contains(varying, name) && !slices.Contains(without, name) {
				fmt.Fprintf(&out, "\n  %s %s: %q", part.name, name, part.header[name])
			}
		}
	}
	return out.String()
}

// compareOrdinary compares ordinary requests before the objects of Overrides were in
// force with those now: they are the same except for the servers, of which some may be
// missing. Missing servers must be pods of a managed Service that are not released.
func compareOrdinary(t *testing.T, o *conform.Oracle, before, after []ordinary) {
	t.Helper()
	if len(after) == 0 {
		t.Fatal("there are no ordinary requests")
	}
	for i := range after {
		a := &after[i]
		b := find(before, a.of.Name)
		t.Run(a.of.Name, func(t *testing.T) {
			if b.err != nil || a.err != nil {
				t.Fatalf("before: %v; after: %v", b.err, a.err)
			}
			where := fmt.Sprintf("from %s: %s", a.of.From, a.of.Curl())
			if diff := cmp.Diff(b.answers, a.answers); diff != "" {
				t.Errorf("%s\nordinary requests are answered otherwise (-before +after):\n%s", where, diff)
			}
			if !a.all || !b.all {
				return
			}
			for _, s := range a.servers {
				if !slices.Contains(b.servers, s) {
					t.Errorf("%s\nordinary requests reach %v, which they did not before: %v", where, s, b.servers)
				}
			}
			for _, s := range b.servers {
				if !slices.Contains(a.servers, s) && released(o.Result, s) {
					t.Errorf("%s\nordinary requests no longer reach %v, which is released: %v", where, s, a.servers)
				}
			}
		})
	}
}

func find(list []ordinary, name string) *ordinary {
	for i := range list {
		if list[i].of.Name == name {
			return &list[i]
		}
	}
	return nil
}

// otherThanOrdinary returns what an override has changed besides the server: the user's
// route must treat a request with an override in the same way as others. Overrides itself
// answers strict members.
func otherThanOrdinary(before []ordinary, c *conform.Case, r *played) []string {
	b := find(before, c.Name)
	switch {
	case r.expected == nil || r.expected.Kind == route.Unavailable || c.Known:
		return nil
	case b.err != nil:
		return []string{fmt.Sprintf("without its carriers, before: %v", b.err)}
	}
	var out []string
	for _, answer := range r.answers {
		// The request before has no carriers, but may have others' baggage.
		if !slices.ContainsFunc(b.stripped, func(s string) bool { return s == answer }) {
			out = append(out, fmt.Sprintf("an override changes more than who answers (-ordinary +override):\n%s", cmp.Diff(b.stripped, r.answers)))
		}
	}
	return out
}

// released reports whether a server should get ordinary requests.
func released(result *compile.Result, s conform.Server) bool {
	for i := range result.Services {
		service := &result.Services[i]
		namespace, name, _ := strings.Cut(s.ID, "/")
		for _, v := range service.Versions {
			if service.Namespace == namespace && slices.Contains(v.Workloads, "Deployment/"+name) {
				return v.Released || service.State != compile.Managed
			}
		}
	}
	return false
}
