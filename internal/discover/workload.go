package discover

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// templates lists the pod templates of all workloads, each as a group of the number of pods
// that it asks for. A Deployment whose template a Rollout uses has no pods of its own.
func (r *reader) templates() []*group {
	uninjected := r.uninjected()
	lent, deployments := map[[2]string]bool{}, map[[2]string]*Labels{}
	for _, w := range r.Workloads {
		switch {
		case w.Kind == "Deployment":
			deployments[[2]string{w.Namespace, w.Name}] = w.Template
		case w.TemplateOf != "":
			lent[[2]string{w.Namespace, w.TemplateOf}] = true
		}
	}
	out := make([]*group, 0, len(r.Workloads))
	for _, w := range r.Workloads {
		template := w.Template
		switch {
		case w.Kind == "Deployment" && lent[[2]string{w.Namespace, w.Name}], w.Kind == "ReplicaSet" && w.Owned:
			continue
		case w.TemplateOf != "":
			template = deployments[[2]string{w.Namespace, w.TemplateOf}]
		}
		if template == nil {
			continue
		}
		out = append(out, &group{
			owner:   ownerKey{w.Namespace, model.Workload{Kind: w.Kind, Name: w.Name}},
			expires: r.expiry(diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}, w.Expires),
			created: w.Created, selector: w.Selector, labels: template,
			noSidecar: w.sidecar.isMissing(uninjected[w.Namespace]), routers: appendVersion(nil, w.Router),
			pods: []pod{{name: w.Name, count: w.Replicas}}, wanted: w.wanted(),
		})
	}
	return out
}

// wanted is the number of pods that w asks for; zero if it is not known, as for a DaemonSet.
func (w *Workload) wanted() int {
	if w.Kind == "DaemonSet" {
		return 0
	}
	return w.Replicas
}

const (
	canonicalName = "service.istio.io/canonical-name"
	appName       = "app.kubernetes.io/name"
	app           = "app"
)

// readCallers names every workload as conditions do: by its app label and by its canonical
// name (istio pkg/kube/labels: CanonicalService). If some pods of a name are known to have no
// sidecar, the caller counts as one without: some pods are enough to send ordinary requests
// to previews.
func (r *reader) readCallers(groups []*group) {
	r.snapshot.Callers = slices.Grow(r.snapshot.Callers, 2*len(groups))
	for _, g := range groups {
		add := func(name, label string) {
			r.snapshot.Callers = append(r.snapshot.Callers, model.Caller{Namespace: g.owner.namespace, Name: name, Label: label, NoSidecar: g.noSidecar})
		}
		found := false
		for _, label := range []string{canonicalName, appName, app} {
			name := g.labels.All[label]
			if name == "" || (found && label != app) {
				continue
			}
			found = true
			add(name, label)
		}
		if !found {
			// Injection adds a label with the name of the workload.
			add(g.owner.workload.Name, canonicalName)
		}
	}
}

// CompactCallers names each caller once, in order. It sorts the callers in place.
func CompactCallers(callers []model.Caller) []model.Caller {
	slices.SortFunc(callers, func(a, b model.Caller) int {
		without := 0
		if a.NoSidecar != b.NoSidecar {
			without = 1
			if a.NoSidecar {
				without = -1
			}
		}
		return cmp.Or(byName(a.Namespace, a.Name, b.Namespace, b.Name), cmp.Compare(a.Label, b.Label), without)
	})
	return slices.Clone(slices.CompactFunc(callers, func(a, b model.Caller) bool {
		return a.Namespace == b.Namespace && a.Name == b.Name && a.Label == b.Label
	}))
}
