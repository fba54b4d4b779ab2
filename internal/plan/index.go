package plan

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// index finds what one plan's input says, by name.
type index struct {
	observed map[diag.Object]*sight
	// services and labels are the pods behind hosts and subsets.
	services map[string]*model.Service
	labels   map[Cluster]map[string]string
	// reports is what compile found about the Service of each host.
	reports map[string]*compile.Service
	// wanted has the labels of the clusters that the wanted rules make, or of those that
	// stay as they are for now.
	wanted map[Cluster]map[string]string
	// meant has the labels that subsets will have which stay as they are for now.
	meant map[Cluster]map[string]string
	// what describes each cluster that is there, as its placement says.
	what map[Cluster]string
	// named are the clusters that some route names.
	named map[Cluster]bool
	// contested are the subsets that two rules describe with different labels. The age of
	// the rules decides which one proxies take.
	contested map[Cluster]bool
	// theirs are the subsets that rules of users have.
	theirs map[Cluster]bool

	clusters []Cluster
	text     []byte
	digester digester
}

func newIndex() index {
	return index{
		observed: map[diag.Object]*sight{}, reports: map[string]*compile.Service{}, services: map[string]*model.Service{},
		labels: map[Cluster]map[string]string{}, wanted: map[Cluster]map[string]string{}, meant: map[Cluster]map[string]string{},
		what: map[Cluster]string{}, named: map[Cluster]bool{}, contested: map[Cluster]bool{}, theirs: map[Cluster]bool{},
	}
}
