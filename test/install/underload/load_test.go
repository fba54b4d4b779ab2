package underload_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain/chaintest"
	"github.com/overrides-mesh/overrides/internal/load"
)

const (
	// ordinaryRate and overrideRate are requests per second, to each Service, and for
	// each version.
	ordinaryRate, overrideRate = 100, 10
	// patience limits each request.
	patience = 20 * time.Second
)

// traffic has all requests.
type traffic struct {
	client *http.Client

	mu sync.Mutex
	// phases are the phases so far; a request belongs to the phase in which it was sent.
	phases []string

	running map[string]*load.Load
	counts  []load.Count
}

func (tr *traffic) now() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.phases[len(tr.phases)-1]
}

// enter starts a phase.
func (tr *traffic) enter(t *testing.T, phase string) {
	t.Helper()
	t.Log(phase)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.phases = append(tr.phases, phase)
}

// start starts requests to a Service, with an override or none.
func (tr *traffic) start(ctx context.Context, service, version string) {
	rate, name := ordinaryRate, service
	if version != "" {
		rate, name = overrideRate, service+":"+version
	}
	tr.running[name] = load.Start(context.WithoutCancel(ctx), load.Source{Name: name, Rate: float64(rate), Send: func(ctx context.Context) (string, error) {
		phase := tr.now()
		served, err := tr.ask(ctx, service, version)
		if err != nil {
			return "", fmt.Errorf("%s: %w", phase, err)
		}
		return phase + ": " + served, nil
	}})
}

// sent counts the requests under a name so far.
func (tr *traffic) sent(name string) int { return tr.running[name].Counts()[0].Sent }

// stop ends the requests under some names, or all.
func (tr *traffic) stop(names ...string) {
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(tr.running))
	}
	for _, name := range names {
		tr.counts = append(tr.counts, tr.running[name].Stop()...)
		delete(tr.running, name)
	}
}

// ask sends one request, and returns the version that served it.
func (tr *traffic) ask(ctx context.Context, service, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	override := ""
	if version != "" {
		override = service + ":" + version
	}
	return chaintest.Version(ctx, tr.client, "http://"+service+"/", override)
}

// phased has the results of the requests of a kind that were sent in a phase.
type phased struct{ sent, failed, misrouted int }

// judge fails t if an ordinary request failed when control's did not, or was served by a
// preview, or if an override failed or was served by another version. may returns the
// other versions that may serve a request of a kind, sent in a phase.
func (tr *traffic) judge(t *testing.T, may func(name, phase string) []string) {
	t.Helper()
	sums := map[string]map[string]*phased{}
	for i := range tr.counts {
		c := &tr.counts[i]
		t.Log(c.String())
		sums[c.Name] = tr.sum(c, may)
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		for _, phase := range tr.phases {
			p := sums[name][phase]
			if p.sent == 0 {
				continue
			}
			t.Logf("%-10s %-28s %6d sent, %d failed, %d misrouted", name, phase, p.sent, p.failed, p.misrouted)
			if name == "control" {
				continue
			}
			if allowed := sums["control"][phase].failed; p.failed > allowed || p.misrouted > 0 {
				t.Errorf("%s, %s: %d sent, %d failed (of control %d), %d misrouted", name, phase, p.sent, p.failed, allowed, p.misrouted)
			}
		}
	}
}

// sum splits a count by phase.
func (tr *traffic) sum(c *load.Count, may func(name, phase string) []string) map[string]*phased {
	out := map[string]*phased{}
	for _, phase := range tr.phases {
		out[phase] = &phased{}
	}
	for text, n := range c.Answers {
		phase, served, _ := strings.Cut(text, ": ")
		if out[phase].sent += n; !slices.Contains(may(c.Name, phase), served) {
			out[phase].misrouted += n
		}
	}
	for text, n := range c.Errors {
		phase, _, _ := strings.Cut(text, ": ")
		if out[phase] == nil { // of errors beyond a number only that is known
			phase = tr.phases[0]
		}
		out[phase].sent += n
		out[phase].failed += n
	}
	return out
}
