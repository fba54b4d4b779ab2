package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

// conversation asks istiod as the operator does.
type conversation struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
	took []time.Duration

	memory proxysync.Memory
	ask    []proxysync.Question

	mu      sync.Mutex
	last    map[proxysync.State]int
	pending plan.PendingCluster
	acked   time.Time
}

// end ends the conversation.
func (c *conversation) end() {
	c.stop()
	<-c.done
}

// begin sets the time when the subset was stored.
func (c *conversation) begin(stored time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending.Since = stored
}

// ackedAt is the time when istiod reported that all sidecars have the subset; zero for
// not yet.
func (c *conversation) ackedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// told describes the last answer.
func (c *conversation) told() string {
	select {
	case <-c.done:
		return fmt.Sprintf("ended: %v", c.err)
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%v", c.last)
}

// converse starts asking.
func (b *bench) converse(ctx context.Context, cluster plan.Cluster) (*conversation, error) {
	session, err := b.client.Open(ctx)
	if err != nil {
		return nil, err
	}
	c := &conversation{done: make(chan struct{}), pending: plan.PendingCluster{Cluster: cluster, FirstOfName: true, Blocking: true, HostSince: time.Now().Add(-time.Hour)}}
	ctx, c.stop = context.WithCancel(ctx)
	var pods []string
	for _, s := range b.fleet.sidecars {
		pods = append(pods, s.id())
	}
	go func() {
		defer close(c.done)
		defer session.Close()
		for ctx.Err() == nil && c.err == nil && c.ackedAt().IsZero() {
			c.round(ctx, session, pods, b.client.Self())
		}
	}()
	return c, nil
}

// round is one round of questions, with the pause after it.
func (c *conversation) round(ctx context.Context, session *istiod.Session, pods []string, self string) {
	began := time.Now()
	c.mu.Lock()
	pending := c.pending
	c.mu.Unlock()
	in := proxysync.Input{Memory: c.memory, Pods: pods, Self: self}
	if !pending.Since.IsZero() {
		in.PendingClusters = []plan.PendingCluster{pending}
	}
	told, err := session.Round(ctx, &istiod.Query{Questions: c.ask})
	if err != nil {
		if ctx.Err() == nil {
			c.err = err
		}
		return
	}
	in.Answers, in.Names, in.Now = told.Answers, told.Names, time.Now()
	out := proxysync.Evaluate(in)
	took := time.Since(began)
	c.mu.Lock()
	c.last = out.Proxies
	c.mu.Unlock()
	c.memory, c.ask, c.took = out.Memory, out.Ask, append(c.took, took)
	if !pending.Since.IsZero() && len(out.Acked) > 0 {
		c.mu.Lock()
		c.acked = time.Now()
		c.mu.Unlock()
		return
	}
	pause(ctx, out.Pause(took))
}
