package e2e_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// promise judges the observations in a world.
type promise struct {
	world    *conform.World
	warnings []stage.Warning
	// logged has the sidecars' log entries of each case with the objects of Overrides in
	// force.
	logged map[string][]stage.Logged
}

// preview reports whether a workload should get no ordinary requests.
func (p *promise) preview(id string) bool {
	return slices.ContainsFunc(p.world.Workloads, func(l conform.Workload) bool { return l.ID() == id && l.Preview })
}

// warned reports whether there is a warning about a Service of a workload.
func (p *promise) warned(id string) bool {
	return slices.ContainsFunc(p.world.Behind(id), func(s *conform.Service) bool { return p.warnedOf(s) })
}

// ofOthers are warnings about callers that send no request here: the servers of these
// worlds have no sidecars.
var ofOthers = []string{string(diag.CallersWithoutSidecar)}

// unread reports whether there is a diagnostic about a server behind the Service of a
// case that is not one of its workloads.
func (p *promise) unread(c *conform.Case, id string) bool {
	s, err := p.world.Service(c.Service)
	return err == nil && !slices.Contains(p.world.Behind(id), s) && slices.ContainsFunc(p.warnings, func(w stage.Warning) bool {
		return w.Code == string(diag.UnreadEndpoints) && w.Object == "Service "+s.Namespace+"/"+s.Name
	})
}

func (p *promise) warnedOf(s *conform.Service) bool {
	return slices.ContainsFunc(p.warnings, func(w stage.Warning) bool {
		if slices.Contains(ofOthers, w.Code) {
			return false
		}
		return w.Object == "Service "+s.Namespace+"/"+s.Name || strings.Contains(w.Message, s.Namespace+"/"+s.Name) ||
			strings.Contains(w.Message, s.FQDN())
	})
}

// copies checks all mirrored requests that sidecars sent while requests were ordinary.
func (p *promise) copies(t *testing.T, before, after map[string]int) {
	t.Helper()
	for i := range p.world.Workloads {
		id := p.world.Workloads[i].ID()
		if count := after[id] - before[id]; count > 0 && p.preview(id) && !p.warned(id) {
			t.Errorf("%s got %d ordinary requests or copies of such, without a warning", id, count)
		}
	}
}

// ordinary compares ordinary requests.
func (p *promise) ordinary(t *testing.T, before, after []ordinary) {
	t.Helper()
	reached := false
	for i := range after {
		b, a := &before[i], &after[i]
		reached = reached || slices.ContainsFunc(b.servers, func(s conform.Server) bool { return p.preview(s.ID) })
		t.Run(a.of.Name, func(t *testing.T) {
			if err := errors.Join(b.err, a.err); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b.answers, a.answers); diff != "" {
				t.Errorf("ordinary requests are answered otherwise (-before +after):\n%s", diff)
			}
			if strings.HasPrefix(a.of.Name, "sticky") {
				p.sticky(t, b, a)
			} else {
				p.servers(t, b, a)
			}
			p.wanted(t, a)
			if t.Failed() {
				t.Logf("from %s: %s\nbefore: %v\nafter: %v, by %+v", a.of.From, a.of.Curl(), b.outcomes, a.outcomes, p.logged[a.of.Name])
			}
		})
	}
	if !reached {
		t.Error("no ordinary request reached a preview before: the world proves nothing")
	}
}

// servers compares the servers.
func (p *promise) servers(t *testing.T, before, after *ordinary) {
	t.Helper()
	for _, s := range after.servers {
		if !slices.Contains(before.servers, s) {
			t.Errorf("ordinary requests reach %s, which they did not before", s.ID)
		}
		if p.preview(s.ID) && !p.warned(s.ID) {
			t.Errorf("ordinary requests reach %s without a warning", s.ID)
		}
	}
	for _, s := range before.servers {
		if !slices.Contains(after.servers, s) && !p.preview(s.ID) && !p.unread(before.of, s.ID) {
			t.Errorf("ordinary requests no longer reach %s, which is not a preview", s.ID)
		}
	}
}

// sticky checks that one server answers all requests of a session.
func (p *promise) sticky(t *testing.T, before, after *ordinary) {
	t.Helper()
	if len(before.servers) != 1 {
		t.Errorf("a session has servers %v before ours: the case proves nothing", before.servers)
	}
	if s := after.servers; len(s) != 1 && !p.warned(s[0].ID) {
		t.Errorf("a session is served by %v, and nothing was said", s)
	}
	for _, s := range after.servers {
		if p.preview(s.ID) && !p.warned(s.ID) {
			t.Errorf("a session is served by %s without a warning", s.ID)
		}
	}
}

// wanted compares the outcome of a case with its wanted outcome. Marked cases are known
// to differ.
func (p *promise) wanted(t *testing.T, got *ordinary) {
	t.Helper()
	want := slices.Sorted(slices.Values(got.of.Want))
	switch so := slices.Equal(want, got.outcomes); {
	case len(want) == 0:
	case got.of.Known && so:
		t.Errorf("answered by %v, as wanted: take the mark away", want)
	case !got.of.Known && !so:
		t.Errorf("answered by %v, want %v", got.outcomes, want)
	}
}

// overrides compares requests with an override with their wanted outcome.
func (p *promise) overrides(t *testing.T, seen []ordinary) {
	t.Helper()
	for i := range seen {
		t.Run(seen[i].of.Name, func(t *testing.T) {
			if err := seen[i].err; err != nil {
				t.Fatal(err)
			}
			p.wanted(t, &seen[i])
			if t.Failed() {
				t.Logf("from %s: %s\nby %+v", seen[i].of.From, seen[i].of.Curl(), p.logged[seen[i].of.Name])
			}
		})
	}
}
