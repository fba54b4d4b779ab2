package agent

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// variable is a variable of the environment.
type variable struct{ name, value string }

// environment is an ordered list in which a later variable of the same name
// replaces an earlier one.
type environment []variable

func (e environment) lookup(name string) (string, bool) {
	for _, v := range slices.Backward(e) {
		if v.name == name {
			return v.value, true
		}
	}
	return "", false
}

func (e *environment) set(name, value string) { *e = append(*e, variable{name, value}) }

// strings is the list in the form for programs, each name once.
func (e environment) strings() []string {
	var out []string
	for i, v := range e {
		if !slices.ContainsFunc(e[i+1:], func(later variable) bool { return later.name == v.name }) {
			out = append(out, v.name+"="+v.value)
		}
	}
	return out
}

func (e environment) asMap() map[string]string {
	out := make(map[string]string, len(e))
	for _, v := range e {
		out[v.name] = v.value
	}
	return out
}

// values are the ConfigMaps and Secrets of a namespace that a container references. A
// missing one is nil.
type values struct {
	configMaps, secrets map[string]map[string]string
}

// references returns the names of the ConfigMaps and Secrets that a container's
// environment needs, sorted.
func references(c *corev1.Container) (configMaps, secrets []string) {
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			configMaps = append(configMaps, from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			secrets = append(secrets, from.SecretRef.Name)
		}
	}
	for _, v := range c.Env {
		if v.ValueFrom != nil && v.ValueFrom.ConfigMapKeyRef != nil {
			configMaps = append(configMaps, v.ValueFrom.ConfigMapKeyRef.Name)
		}
		if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
			secrets = append(secrets, v.ValueFrom.SecretKeyRef.Name)
		}
	}
	slices.Sort(configMaps)
	slices.Sort(secrets)
	return slices.Compact(configMaps), slices.Compact(secrets)
}

// containerEnv adds a container's variables to an environment: envFrom, then env, whose
// values may use earlier variables. The user can fix its errors.
func containerEnv(env environment, pod *corev1.Pod, c *corev1.Container, at place, v values) (environment, error) {
	env = slices.Clone(env)
	for _, from := range c.EnvFrom {
		if err := env.addAll(from, v); err != nil {
			return nil, err
		}
	}
	for _, item := range c.Env {
		if item.ValueFrom == nil {
			env.set(item.Name, expand(item.Value, env.lookup))
			continue
		}
		value, set, err := valueFrom(item.ValueFrom, pod, c, at, v)
		if err != nil {
			return nil, err
		}
		if set {
			env.set(item.Name, value)
		}
	}
	return env, nil
}

func (e *environment) addAll(from corev1.EnvFromSource, v values) error {
	var found map[string]string
	switch {
	case from.ConfigMapRef != nil:
		if found = v.configMaps[from.ConfigMapRef.Name]; found == nil && !isTrue(from.ConfigMapRef.Optional) {
			return fmt.Errorf("configmap %q not found", from.ConfigMapRef.Name)
		}
	case from.SecretRef != nil:
		if found = v.secrets[from.SecretRef.Name]; found == nil && !isTrue(from.SecretRef.Optional) {
			return fmt.Errorf("secret %q not found", from.SecretRef.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		e.set(from.Prefix+name, found[name])
	}
	return nil
}

// valueFrom resolves a reference; false means that it is optional and missing.
func valueFrom(source *corev1.EnvVarSource, pod *corev1.Pod, c *corev1.Container, at place, v values) (string, bool, error) {
	switch {
	case source.FieldRef != nil:
		value, err := podField(source.FieldRef.FieldPath, pod, at)
		return value, true, err
	case source.ResourceFieldRef != nil:
		value, err := resourceField(source.ResourceFieldRef, pod, c)
		return value, true, err
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		return keyOf("configmap", ref.Name, ref.Key, isTrue(ref.Optional), v.configMaps)
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		return keyOf("secret", ref.Name, ref.Key, isTrue(ref.Optional), v.secrets)
	default:
		return "", false, fmt.Errorf("the agent knows no such source of a variable: %v", source)
	}
}

func keyOf(kind, name, key string, optional bool, objects map[string]map[string]string) (string, bool, error) {
	object := objects[name]
	value, found := object[key]
	switch {
	case found, optional:
		return value, found, nil
	case object == nil:
		return "", false, fmt.Errorf("%s %q not found", kind, name)
	default:
		return "", false, fmt.Errorf("couldn't find key %s in %s %s", key, kind, name)
	}
}

var subscript = regexp.MustCompile(`^metadata\.(labels|annotations)\['(.*)'\]$`)

// podField is the downward API's fieldRef.
func podField(path string, pod *corev1.Pod, at place) (string, error) {
	if m := subscript.FindStringSubmatch(path); m != nil {
		if m[1] == "labels" {
			return pod.Labels[m[2]], nil
		}
		return pod.Annotations[m[2]], nil
	}
	fields := map[string]string{
		"metadata.name":           pod.Name,
		"metadata.namespace":      pod.Namespace,
		"metadata.uid":            string(pod.UID),
		"spec.nodeName":           pod.Spec.NodeName,
		"spec.serviceAccountName": pod.Spec.ServiceAccountName,
		"status.podIP":            address(at.pod),
		"status.podIPs":           address(at.pod),
		"status.hostIP":           address(at.host),
		"status.hostIPs":          address(at.host),
	}
	value, ok := fields[path]
	if !ok {
		return "", fmt.Errorf("the agent knows no field %s of a pod", path)
	}
	return value, nil
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func isTrue(b *bool) bool { return b != nil && *b }
