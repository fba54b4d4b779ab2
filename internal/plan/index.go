package plan

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// index looks up parts of one plan's input by name.
type index struct {
	observed map[diag.Object]*observed
	// services has the Service of each host, reports what compile reported about it.
	services map[string]*model.Service
	reports  map[string]*compile.Service
	// labels has the labels of each subset: as stored, or as desired if it is not stored.
	labels map[Cluster]map[string]string
	// desired has the labels of the subsets that the desired rules define. A subset that has
	// to stay as it is for now keeps its stored labels there, and finalLabels has those that
	// it will have.
	desired     map[Cluster]map[string]string
	finalLabels map[Cluster]map[string]string
	// fingerprints identifies the definition of each existing cluster; see [placement].
	fingerprints map[Cluster]string
	// referenced has the clusters that a stored route references.
	referenced map[Cluster]bool
	// conflicting has the subsets that two stored rules define with different labels. The
	// age of the rules decides which one proxies use.
	conflicting map[Cluster]bool
	// usersSubsets has the subsets that users' rules define.
	usersSubsets map[Cluster]bool

	// clusterBuf and textBuf are scratch space.
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
