package collect_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

// TestPeers: an answer has the records of all replicas, each once; one that does not answer is named.
// Who follows gets those of all, once, and of a replica that starts later.
func TestPeers(t *testing.T) {
	t.Parallel()
	all := &addresses{}
	replica := func() *replica {
		r := startWith(t, nil, func(c *collect.Collector) {
			c.SetReplicas(all.list)
			all.add(c.Answers())
		})
		return r
	}
	first, second := replica(), replica()
	send(t, first.proxy(t, "inbound"), "a:v1", "b:v1")
	send(t, second.proxy(t, "inbound"), "c:v1", "c:v2")
	for _, r := range []string{"", "?member=b:v1"} {
		want := map[string]string{"": "b:v1 c:v2 a:v1 c:v1", "?member=b:v1": "b:v1"}[r]
		first.awaitAnyOrder(t, r, want)
		second.awaitAnyOrder(t, r, want)
	}
	first.await(t, "?local=true", "b:v1 a:v1")
	lines := first.followed(t, "?follow=true")
	got := map[string]int{}
	for range 4 {
		got[next(t, lines)]++
	}
	third := replica()
	send(t, third.proxy(t, "outbound"), "d:v1")
	got[next(t, lines)]++
	if len(got) != 5 {
		t.Errorf("who follows got %v", got)
	}
	if err := second.stop(); err != nil {
		t.Error(err)
	}
	last := get(t, first.Answers(), collect.RecordsPath)
	if missing := last.header.Get(collect.MissingHeader); missing != second.Answers() || strings.Contains(last.body, "c:v") {
		t.Errorf("missing %q:\n%s", missing, last.body)
	}
	if got := first.metric(t, "peers_missing_total"); got != "1" {
		t.Errorf("%s missing", got)
	}
}

// addresses are where replicas answer.
type addresses struct {
	mu  sync.Mutex
	all []string
}

func (a *addresses) add(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, address)
}

func (a *addresses) list(context.Context) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all), nil
}
