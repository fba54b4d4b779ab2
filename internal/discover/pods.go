package discover

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// pod is one pod, or all the pods that a template stands for.
type pod struct {
	name  string
	count int
	ready bool
}

// group is the pods of one workload that carry the same labels.
type group struct {
	namespace string
	workload  model.Workload
	created   time.Time
	selector  map[string]string
	// all are the labels as they are; kept those that make a difference.
	all, kept map[string]string
	pods      []pod
}

func (g *group) backend(ready func(*pod) bool) model.Backend {
	out := model.Backend{Workload: g.workload, Created: g.created, Selector: g.selector, Labels: g.kept}
	for i := range g.pods {
		out.Pods += g.pods[i].count
		if ready(&g.pods[i]) {
			out.Ready += g.pods[i].count
		}
	}
	return out
}

// revisionLabels are added by controllers to the pods of each revision, or of
// each pod, and say nothing about the version.
var revisionLabels = []string{
	"pod-template-hash",
	"controller-revision-hash",
	"pod-template-generation",
	"rollouts-pod-template-hash",
	"statefulset.kubernetes.io/pod-name",
	"apps.kubernetes.io/pod-index",
}

// WithoutRevision returns labels of a pod without those: the Labels of its Backend.
func WithoutRevision(labels map[string]string) map[string]string {
	for _, key := range revisionLabels {
		if _, ok := labels[key]; ok {
			out := maps.Clone(labels)
			for _, key := range revisionLabels {
				delete(out, key)
			}
			return out
		}
	}
	return labels
}

// podGroups lists the pods of all workloads. In a cluster these are the pods
// that are there; a workload of which none is there yet is a group without
// pods. From YAML they are the templates and the bare pods.
func (r *reader) podGroups() []*group {
	templates := r.templates()
	if !r.Cluster {
		return append(templates, r.barePods(templates)...)
	}
	byWorkload := map[string]*group{}
	for _, t := range templates {
		byWorkload[t.key()] = t
	}
	var out []*group
	seen := map[string]bool{}
	groups := map[string]*group{}
	for _, p := range r.Pods {
		if !counts(p) {
			continue
		}
		g := &group{namespace: p.Namespace, workload: workloadOf(p), created: p.CreationTimestamp.Time, all: p.Labels, kept: WithoutRevision(p.Labels)}
		if t := byWorkload[g.key()]; t != nil {
			g.created, g.selector = t.created, t.selector
			seen[g.key()] = seen[g.key()] || maps.Equal(t.kept, g.kept)
		}
		key := g.key() + "\x00" + labelString(p.Labels)
		if same := groups[key]; same != nil {
			g = same
		} else {
			groups[key] = g
			out = append(out, g)
		}
		if byWorkload[g.key()] == nil && p.CreationTimestamp.Time.Before(g.created) {
			g.created = p.CreationTimestamp.Time
		}
		g.pods = append(g.pods, pod{name: p.Name, count: 1, ready: isReady(p)})
	}
	for _, t := range templates {
		if !seen[t.key()] {
			t.pods = nil
			out = append(out, t)
		}
	}
	return out
}

func (g *group) key() string {
	return g.namespace + "/" + g.workload.Kind + "/" + g.workload.Name
}

// labelString is the same for equal labels only.
func labelString(labels map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(key + "=" + labels[key] + ",")
	}
	return b.String()
}

// counts reports whether p is a pod that may serve, now or later.
func counts(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodSucceeded
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// workloadOf names what made p. A ReplicaSet stands for the Deployment or the
// Rollout whose name and pod hash its own name is made of.
func workloadOf(p *corev1.Pod) model.Workload {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return model.Workload{Kind: "Pod", Name: p.Name}
	}
	if owner.Kind == "ReplicaSet" {
		for _, by := range []struct{ label, kind string }{
			{"rollouts-pod-template-hash", "Rollout"},
			{"pod-template-hash", "Deployment"},
		} {
			if hash := p.Labels[by.label]; hash != "" {
				if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
					return model.Workload{Kind: by.kind, Name: name}
				}
			}
		}
	}
	return model.Workload{Kind: owner.Kind, Name: owner.Name}
}

// barePods are the pods of YAML input that no workload of the input has made.
func (r *reader) barePods(templates []*group) []*group {
	made := map[string]bool{}
	for _, t := range templates {
		made[t.key()] = true
	}
	var out []*group
	for _, p := range r.Pods {
		g := &group{
			namespace: p.Namespace, workload: workloadOf(p), created: p.CreationTimestamp.Time,
			all: p.Labels, kept: WithoutRevision(p.Labels), pods: []pod{{name: p.Name, count: 1}},
		}
		if counts(p) && !made[g.key()] {
			out = append(out, g)
		}
	}
	return out
}

// groupIndex finds groups by one label, so that a Service need not look at
// every pod of its namespace.
type groupIndex map[string]map[string][]*group

func indexGroups(groups []*group) groupIndex {
	out := groupIndex{}
	for _, g := range groups {
		if out[g.namespace] == nil {
			out[g.namespace] = map[string][]*group{}
		}
		for key, value := range g.all {
			pair := key + "=" + value
			out[g.namespace][pair] = append(out[g.namespace][pair], g)
		}
	}
	return out
}

// selected returns the groups that a Service's selector selects.
func (x groupIndex) selected(namespace string, selector map[string]string) []*group {
	var fewest []*group
	first := true
	for key, value := range selector {
		if found := x[namespace][key+"="+value]; first || len(found) < len(fewest) {
			fewest, first = found, false
		}
	}
	var out []*group
	for _, g := range fewest {
		if model.HasLabels(g.all, selector) {
			out = append(out, g)
		}
	}
	return out
}

// mergeBackends joins backends of one workload with the same labels, which
// differed in revision only, and sorts them.
func mergeBackends(in []model.Backend) []model.Backend {
	byKey := map[string]*model.Backend{}
	for i := range in {
		key := in[i].Workload.String() + "\x00" + labelString(in[i].Labels)
		same := byKey[key]
		if same == nil {
			byKey[key] = &in[i]
			continue
		}
		same.Pods += in[i].Pods
		same.Ready += in[i].Ready
		if in[i].Created.Before(same.Created) {
			same.Created = in[i].Created
		}
	}
	var out []model.Backend
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, *byKey[key])
	}
	return out
}
