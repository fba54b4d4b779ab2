package plan

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Room is what plans work in, one at a time. To make it anew for each would be much of
// what a plan costs; but it says nothing: a plan finds it empty, and leaves it so.
type Room struct {
	observed map[diag.Object]*sight
	// services and labels say what stands behind hosts and subsets.
	services map[string]*model.Service
	labels   map[Cluster]map[string]string
	// reports is what compile found about the Service of each host.
	reports map[string]*compile.Service
	// wanted has the labels of the clusters that the rules make which are wanted, or of
	// those that have to stay as they are for now.
	wanted map[Cluster]map[string]string
	// meant has the labels that subsets are to have which stay as they are for now.
	meant map[Cluster]map[string]string
	// what describes each cluster that is there, as its placement says.
	what map[Cluster]string
	// named are the clusters that some route names.
	named map[Cluster]bool
	// contested are the subsets that two rules describe with different labels: which of
	// them proxies take is a matter of age.
	contested map[Cluster]bool
	// theirs are the subsets that rules of users have.
	theirs map[Cluster]bool

	clusters []Cluster
	text     []byte
	digester digester
}

// NewRoom returns an empty one.
func NewRoom() *Room {
	return &Room{
		observed: map[diag.Object]*sight{}, reports: map[string]*compile.Service{}, services: map[string]*model.Service{},
		labels: map[Cluster]map[string]string{}, wanted: map[Cluster]map[string]string{}, meant: map[Cluster]map[string]string{},
		what: map[Cluster]string{}, named: map[Cluster]bool{}, contested: map[Cluster]bool{}, theirs: map[Cluster]bool{},
	}
}

// empty ends a plan's stay: nothing of what it was about is held in memory.
func (r *Room) empty() {
	clear(r.observed)
	clear(r.services)
	clear(r.reports)
	clear(r.labels)
	clear(r.wanted)
	clear(r.meant)
	clear(r.what)
	clear(r.named)
	clear(r.contested)
	clear(r.theirs)
}
