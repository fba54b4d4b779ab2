package discover

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// templates lists the pod templates of all workloads, each as a group of as
// many pods as it asks for.
func (r *reader) templates() []*group {
	var out []*group
	add := func(kind string, meta *metav1.ObjectMeta, replicas *int32, selector *metav1.LabelSelector, template *corev1.PodTemplateSpec) {
		count := 1
		if replicas != nil {
			count = int(*replicas)
		}
		out = append(out, &group{
			namespace: meta.Namespace,
			workload:  model.Workload{Kind: kind, Name: meta.Name},
			created:   meta.CreationTimestamp.Time,
			selector:  selectorLabels(selector),
			all:       template.Labels,
			kept:      WithoutRevision(template.Labels),
			pods:      []pod{{name: meta.Name, count: count}},
		})
	}
	standIns := r.standIns()
	deployments := map[string]*corev1.PodTemplateSpec{}
	for _, d := range r.Deployments {
		key := d.Namespace + "/" + d.Name
		deployments[key] = &d.Spec.Template
		if !standIns[key] {
			add("Deployment", &d.ObjectMeta, d.Spec.Replicas, d.Spec.Selector, &d.Spec.Template)
		}
	}
	for _, s := range r.StatefulSets {
		add("StatefulSet", &s.ObjectMeta, s.Spec.Replicas, s.Spec.Selector, &s.Spec.Template)
	}
	for _, d := range r.DaemonSets {
		add("DaemonSet", &d.ObjectMeta, nil, d.Spec.Selector, &d.Spec.Template)
	}
	for _, s := range r.ReplicaSets {
		if metav1.GetControllerOfNoCopy(s) == nil {
			add("ReplicaSet", &s.ObjectMeta, s.Spec.Replicas, s.Spec.Selector, &s.Spec.Template)
		}
	}
	for _, o := range r.Rollouts {
		template := &o.Spec.Template
		if ref := o.Spec.WorkloadRef; ref != nil && ref.Kind == "Deployment" {
			if template = deployments[o.Namespace+"/"+ref.Name]; template == nil {
				continue
			}
		}
		add("Rollout", &o.ObjectMeta, o.Spec.Replicas, o.Spec.Selector, template)
	}
	return out
}

// standIns are the Deployments that only lend their template to a Rollout,
// which runs the pods.
func (r *reader) standIns() map[string]bool {
	out := map[string]bool{}
	for _, o := range r.Rollouts {
		if ref := o.Spec.WorkloadRef; ref != nil && ref.Kind == "Deployment" {
			out[o.Namespace+"/"+ref.Name] = true
		}
	}
	return out
}

// selectorLabels returns a selector as labels, nil where it has expressions,
// which a subset can't say.
func selectorLabels(selector *metav1.LabelSelector) map[string]string {
	if selector == nil || len(selector.MatchExpressions) > 0 {
		return nil
	}
	return selector.MatchLabels
}

const (
	canonicalName = "service.istio.io/canonical-name"
	appName       = "app.kubernetes.io/name"
	app           = "app"
)

// readCallers names every workload as conditions may: by its app label and by
// its canonical name (istio pkg/kube/labels: CanonicalService).
func (r *reader) readCallers(groups []*group) {
	for _, g := range groups {
		found := false
		for _, label := range []string{canonicalName, appName, app} {
			name := g.all[label]
			if name == "" || (found && label != app) {
				continue
			}
			found = true
			r.snapshot.Callers = append(r.snapshot.Callers, model.Caller{Namespace: g.namespace, Name: name, Label: label})
		}
		if !found {
			// Injection labels the pods with the name of their workload.
			r.snapshot.Callers = append(r.snapshot.Callers, model.Caller{Namespace: g.namespace, Name: g.workload.Name, Label: canonicalName})
		}
	}
}
