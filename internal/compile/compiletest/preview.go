package compiletest

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/model"
)

// previews draws isolated versions in namespaces of their own, and who permits them. It
// draws last, and the shape itself too, so that seeds mean what they meant before.
func (d *draw) previews(s *model.Snapshot) {
	if d.late&PreviewNamespaces == 0 || !d.oneIn(3, PreviewNamespaces.String()) {
		return
	}
	s.NamespaceLabels = map[string]map[string]string{}
	for _, n := range s.Namespaces {
		s.NamespaceLabels[n] = map[string]string{"team": "shop"}
	}
	for _, n := range []string{"pr-1", "pr-2"} {
		s.Namespaces = append(s.Namespaces, n)
		if d.oneIn(4, "no labels are known of "+n) {
			continue
		}
		s.NamespaceLabels[n] = pick(d, "labels of "+n, map[string]string{}, map[string]string{"team": "shop"}, map[string]string{"team": "shop", "locked": "true"})
	}
	for i := range s.Services {
		if d.oneIn(2, "permits previews") {
			s.Services[i].Settings.Previews = d.previewNamespaces()
		}
	}
	for range pick(d, "previews", 1, 2, 3) {
		if p := d.preview(); !slices.ContainsFunc(s.Services, func(o model.Service) bool { return o.Object() == p.Object() }) {
			s.Services = append(s.Services, p)
		}
	}
	for range pick(d, "policies", 0, 1, 2) {
		p := model.Policy{
			Namespace: pick(d, "namespace of a policy", "shop", "lab", "pr-1"), Name: pick(d, "name of a policy", "a", "b"),
			Services: []string{pick(d, "target", names...)}, Settings: model.Settings{Previews: d.previewNamespaces()},
		}
		if !slices.ContainsFunc(s.Policies, func(o model.Policy) bool { return o.Object() == p.Object() }) {
			s.Policies = append(s.Policies, p)
		}
	}
	slices.SortFunc(s.Policies, func(a, b model.Policy) int { return a.Object().Compare(b.Object()) })
}

// preview draws a Service that is annotated as a version of one of another namespace, which
// may not be there, or be a version itself.
func (d *draw) preview() model.Service {
	namespace, name := pick(d, "namespace of a preview", "pr-1", "pr-2", "lab", "shop"), pick(d, "name of a preview", names...)
	if slices.Contains(namespaces, namespace) {
		name += "-pr" // other pods have the name
	}
	s := model.Service{
		Namespace: namespace, Name: name,
		Selector: map[string]string{"app": name}, Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
		VersionOf: pick(d, "base of a preview", "cart", "cart", "web", "cart-alone"), VersionOfIn: pick(d, "namespace of its base", "shop", "shop", "lab", "pr-1"),
	}
	if d.has(ServiceExports) {
		s.ExportTo = pick(d, "exportTo of a preview", nil, nil, nil, []string{"."}, []string{"shop", "front"})
	}
	if s.VersionOfIn == s.Namespace {
		s.VersionOfIn = ""
	}
	// The same manifests as in the namespace of the base: the workloads have the same names.
	b := d.versioned(name, pick(d, "label of a preview", "v1", "v2", "pr-1"))
	b.Workload.Name = name + "-0"
	b.Ready = pick(d, "ready pods of a preview", 1, 1, 0)
	s.Version = pick(d, "version of a preview", "", "pr-1", "v2")
	s.Backends = []model.Backend{b}
	return s
}

// previewNamespaces draws which namespaces may have previews.
func (d *draw) previewNamespaces() *model.NamespaceSelector {
	in := func(key string, values ...string) model.Requirement {
		return model.Requirement{Key: key, Operator: string(metav1.LabelSelectorOpIn), Values: values}
	}
	return pick(d, "namespaces of previews", &model.NamespaceSelector{All: true}, &model.NamespaceSelector{},
		&model.NamespaceSelector{Selector: []model.Requirement{in(model.NamespaceNameLabel, "pr-1", "lab")}},
		&model.NamespaceSelector{Selector: []model.Requirement{in("team", "shop"), {Key: "locked", Operator: string(metav1.LabelSelectorOpDoesNotExist)}}})
}

// previewsAnnotation is what the annotation of a Service says; false if only a policy can say
// it.
func previewsAnnotation(p *model.NamespaceSelector) (string, bool) {
	switch {
	case p == nil:
		return "", false
	case p.All:
		return "*", true
	case len(p.Selector) == 0:
		return "", true
	case p.Selector[0].Key == model.NamespaceNameLabel:
		return strings.Join(p.Selector[0].Values, ","), true
	}
	return "", false
}

// policies are the OverridePolicies: those drawn, and those for what annotations can't say.
func policies(s *model.Snapshot) []any {
	var out []any
	add := func(namespace, name string, services []string, p *model.NamespaceSelector) {
		var targets []object
		for _, name := range services {
			targets = append(targets, object{"kind": "Service", "name": name})
		}
		out = append(out, object{
			"apiVersion": "overrides.mesh/v1alpha1", "kind": "OverridePolicy", "metadata": object{"namespace": namespace, "name": name},
			"spec": object{"targetRefs": targets, "previews": object{"namespaces": fromNamespaces(p)}},
		})
	}
	for i := range s.Policies {
		add(s.Policies[i].Namespace, s.Policies[i].Name, s.Policies[i].Services, s.Policies[i].Settings.Previews)
	}
	for i := range s.Services {
		v := &s.Services[i]
		if _, said := previewsAnnotation(v.Settings.Previews); v.Settings.Previews != nil && !said {
			add(v.Namespace, "c-"+v.Name, []string{v.Name}, v.Settings.Previews)
		}
	}
	return out
}

func fromNamespaces(p *model.NamespaceSelector) object {
	switch {
	case p.All:
		return object{"from": "All"}
	case len(p.Selector) == 0:
		return object{"from": "Same"}
	}
	var expressions []object
	for _, r := range p.Selector {
		e := object{"key": r.Key, "operator": r.Operator}
		if len(r.Values) > 0 {
			e["values"] = r.Values
		}
		expressions = append(expressions, e)
	}
	return object{"from": "Selector", "selector": object{"matchExpressions": expressions}}
}
