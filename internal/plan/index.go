package plan

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// index finds what one plan's input says, by name.
type index struct {
	observed map[diag.Object]*observed
	// services and labels are the pods behind hosts and subsets.
	services map[string]*model.Service
	labels   map[Cluster]map[string]string
	// reports is what compile found about the Service of each host.
	reports map[string]*compile.Service
	// wanted has the labels of the clusters that the wanted rules make, or of those that
	// stay as they are for now.
	desired map[Cluster]map[string]string
	// meant has the labels that subsets will have which stay as they are for now.
	finalLabels map[Cluster]map[string]string
	// what describes each cluster that is there, as its placement says.
	fingerprints map[Cluster]string
	// named are the clusters that some route names.
	referenced map[Cluster]bool
	// contested are the subsets that two rules describe with different labels. The age of
	// the rules decides which one proxies take.
	conflicting map[Cluster]bool
	// theirs are the subsets that rules of users have.
	usersSubsets map[Cluster]bool

	clusterBuf []Cluster
	textBuf    []byte
	digester   digester
}

func newIndex() index {
	return index{
		observed: map[diag.Object]*observed{}, reports: map[string]*compile.Service{}, services: map[string]*model.Service{},
		labels: map[Cluster]map[string]string{}, desired: map[Cluster]map[string]string{}, finalLabels: map[Cluster]map[string]string{},
		fingerprints: map[Cluster]string{}, referenced: map[Cluster]bool{}, conflicting: map[Cluster]bool{}, usersSubsets: map[Cluster]bool{},
	}
}
