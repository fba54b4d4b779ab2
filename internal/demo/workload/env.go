package workload

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Getenv returns the environment of a pod of w: that of the first container that sets the
// variables of package chain, else of the first container. NAME and VERSION default to
// the labels.
func (w *Workload) Getenv(pod, versionLabel string) func(string) string {
	env := map[string]string{}
	if c := w.container(); c != nil {
		for _, v := range c.Env {
			env[v.Name] = v.Value
			if v.ValueFrom != nil && v.ValueFrom.FieldRef != nil {
				env[v.Name] = w.field(v.ValueFrom.FieldRef.FieldPath, pod)
			}
		}
	}
	env["NAME"] = cmp.Or(env["NAME"], w.Labels["app"], w.Labels["app.kubernetes.io/name"], w.Name)
	env["VERSION"] = cmp.Or(env["VERSION"], w.Labels[versionLabel])
	env["POD_NAME"] = pod
	return func(name string) string { return env[name] }
}

func (w *Workload) container() *corev1.Container {
	for i := range w.containers {
		for _, v := range w.containers[i].Env {
			if v.Name == "NAME" || v.Name == "NEXT" {
				return &w.containers[i]
			}
		}
	}
	if len(w.containers) > 0 {
		return &w.containers[0]
	}
	return nil
}

// field returns a field of the pod, as the downward API does.
func (w *Workload) field(path, pod string) string {
	if key, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
		return w.Labels[strings.TrimSuffix(key, "']")]
	}
	switch path {
	case "metadata.name":
		return pod
	case "metadata.namespace":
		return w.Namespace
	}
	return ""
}
