package discover

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// pod is one pod, or all pods of a template.
type pod struct {
	name  string
	count int
	ready bool
}

// group is the pods of one workload that have the same labels.
type group struct {
	owner    ownerKey
	created  time.Time
	expires  time.Time
	selector map[string]string
	labels   *Labels
	pods     []pod
	// wanted is the number of pods that the workload asks for, if labels are those of its
	// template.
	wanted int
	// noSidecar is set if any pod is known to have no sidecar.
	noSidecar bool
	// routers are the versions of the proxies of gateways.
	routers []string
}

// ownerKey names the workload that owns pods.
type ownerKey struct {
	namespace string
	workload  model.Workload
}

func (g *group) backend(ready func(*pod) bool) model.Backend {
	out := model.Backend{Workload: g.owner.workload, Created: g.created, Selector: g.selector, Labels: g.labels.Kept, Wanted: g.wanted, Expires: g.expires}
	for i := range g.pods {
		out.Pods += g.pods[i].count
		if ready(&g.pods[i]) {
			out.Ready += g.pods[i].count
		}
	}
	return out
}

// revisions are the pods of one workload that differ only in their revision.
type revisions struct {
	ownerKey
	kept string
}

// terminating lists the pods that are terminating.
func (r *reader) terminating() map[revisions][]pod {
	out := map[revisions][]pod{}
	for _, p := range r.Pods {
		if r.Cluster && !p.Live {
			key := revisions{ownerKey{p.Namespace, p.Workload}, p.Labels.kept}
			out[key] = append(out[key], pod{name: p.Name})
		}
	}
	return out
}

// podsHint is the capacity for the pods of a workload: most have no more.
const podsHint = 4

// podGroups lists the pods of all workloads. In a cluster these are the existing pods, and
// for a workload without pods a group of its template. From YAML they are the templates and
// the bare pods.
func (r *reader) podGroups() []*group {
	templates := r.templates()
	byWorkload := make(map[ownerKey]*group, len(templates))
	for _, t := range templates {
		byWorkload[t.owner] = t
	}
	if !r.Cluster {
		return append(templates, r.barePods(byWorkload)...)
	}
	type key struct {
		ownerKey
		labels string
	}
	out := make([]*group, 0, len(templates))
	seen := make(map[ownerKey]bool, len(templates))
	groups := make(map[key]*group, len(templates))
	for _, p := range r.Pods {
		if !p.Live {
			continue
		}
		by := ownerKey{p.Namespace, p.Workload}
		t := byWorkload[by]
		k := key{by, p.Labels.all}
		g := groups[k]
		if g == nil {
			g = &group{owner: by, created: p.Created, labels: p.Labels, pods: make([]pod, 0, podsHint)}
			if t != nil {
				g.created, g.expires, g.selector = t.created, t.expires, t.selector
				if t.labels.kept == g.labels.kept {
					seen[by], g.wanted = true, t.wanted
				}
			}
			groups[k] = g
			out = append(out, g)
		}
		if t == nil && p.Created.Before(g.created) {
			g.created = p.Created
		}
		g.pods = append(g.pods, pod{name: p.Name, count: 1, ready: p.Ready})
		// Injection adds nothing to a pod that exists.
		g.noSidecar = g.noSidecar || p.sidecar != present
		g.routers = appendVersion(g.routers, p.Router)
	}
	for _, t := range templates {
		if !seen[t.owner] {
			t.pods = nil
			out = append(out, t)
		}
	}
	return out
}

// barePods are the pods of YAML input that no workload of the input owns.
func (r *reader) barePods(byWorkload map[ownerKey]*group) []*group {
	uninjected := r.uninjected()
	var out []*group
	for _, p := range r.Pods {
		by := ownerKey{p.Namespace, p.Workload}
		if p.Live && byWorkload[by] == nil {
			out = append(out, &group{
				owner: by, created: p.Created, labels: p.Labels, pods: []pod{{name: p.Name, count: 1}},
				noSidecar: p.sidecar.isMissing(uninjected[p.Namespace]), routers: appendVersion(nil, p.Router),
			})
		}
	}
	return out
}

// groupIndex finds groups by one label, so that a Service need not look at every pod of its
// namespace.
type groupIndex map[string]map[label][]*group

type label struct{ key, value string }

// indexGroups indexes groups by the labels that services select by.
func indexGroups(groups []*group, services []*corev1.Service) groupIndex {
	selected := map[string]bool{}
	for _, s := range services {
		for key := range s.Spec.Selector {
			selected[key] = true
		}
	}
	out := groupIndex{}
	for _, g := range groups {
		x := out[g.owner.namespace]
		if x == nil {
			x = map[label][]*group{}
			out[g.owner.namespace] = x
		}
		for key, value := range g.labels.All {
			if selected[key] {
				pair := label{key, value}
				x[pair] = append(x[pair], g)
			}
		}
	}
	return out
}

// selected returns the groups that a Service's selector selects.
func (x groupIndex) selected(namespace string, selector map[string]string) []*group {
	var fewest []*group
	first := true
	for key, value := range selector {
		if found := x[namespace][label{key, value}]; first || len(found) < len(fewest) {
			fewest, first = found, false
		}
	}
	var out []*group
	for _, g := range fewest {
		if model.HasLabels(g.labels.All, selector) {
			out = append(out, g)
		}
	}
	return out
}

// backends merges groups of one workload that differ only in their revision, and sorts them.
//
// Terminating pods are not counted. But during a rollout, Kubernetes ends the last old pod
// as soon as the new one is ready. For a moment EndpointSlices, and so proxies, still have
// the old pod, which serves, and not yet the new one. So while no live pod is listed as
// ready, ready terminating pods count instead.
func backends(groups []*group, ready func(*pod) bool, terminating map[revisions][]pod) []model.Backend {
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, compareGroups)
	var out []model.Backend
	for i, g := range groups {
		b := g.backend(ready)
		if i == 0 || compareGroups(groups[i-1], g) != 0 {
			out = append(out, b)
		} else {
			same := &out[len(out)-1]
			same.Pods += b.Pods
			same.Ready += b.Ready
			if b.Created.Before(same.Created) {
				same.Created = b.Created
			}
		}
		if last := &out[len(out)-1]; last.Pods > 0 && last.Ready == 0 && (i == len(groups)-1 || compareGroups(g, groups[i+1]) != 0) {
			for _, p := range terminating[revisions{g.owner, g.labels.kept}] {
				if ready(&p) {
					last.Ready++
				}
			}
			last.Ready = min(last.Ready, last.Pods)
		}
	}
	return out
}

func compareGroups(a, b *group) int {
	return cmp.Or(
		cmp.Compare(a.owner.workload.Kind, b.owner.workload.Kind),
		cmp.Compare(a.owner.workload.Name, b.owner.workload.Name),
		cmp.Compare(a.labels.kept, b.labels.kept),
	)
}
