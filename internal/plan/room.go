package plan

import (
	"sync"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// room is what a plan works in. It goes from plan to plan with the memory, since to
// make it anew would be much of what a plan costs; but it says nothing: a plan finds it
// empty, and leaves it so.
type room struct {
	mu sync.Mutex

	observed map[diag.Object]*sight
	// services and labels say what stands behind hosts and subsets.
	services map[string]*model.Service
	labels   map[Cluster]map[string]string
	// wanted has the labels of the clusters that the rules make which are wanted.
	wanted map[Cluster]map[string]string
	// what describes each cluster that is there, as its placement says.
	what map[Cluster]string
	// named are the clusters that some route names.
	named map[Cluster]bool

	clusters []Cluster
	text     []byte
	digester digester
}

// enter returns a room that nobody else is in: r, if it can be had.
func (r *room) enter() *room {
	if r == nil || !r.mu.TryLock() {
		r = &room{
			observed: map[diag.Object]*sight{}, services: map[string]*model.Service{},
			labels: map[Cluster]map[string]string{}, wanted: map[Cluster]map[string]string{},
			what: map[Cluster]string{}, named: map[Cluster]bool{},
		}
		r.mu.Lock()
	}
	return r
}

// empty ends the plan's stay: nothing of what it was about is held in memory.
func (r *room) empty() {
	clear(r.observed)
	clear(r.services)
	clear(r.labels)
	clear(r.wanted)
	clear(r.what)
	clear(r.named)
	r.mu.Unlock()
}
