package generate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/model"
)

// manifest is what the test reads of an object, by itself.
type manifest struct {
	Kind     string
	Metadata metav1.ObjectMeta
	Spec     json.RawMessage
}

// manifests are the objects of users.
type manifests []manifest

// TestNothingIsRoutedToWithoutConsent: a table leads to a Service of another namespace only
// if a user's route leads into that namespace, or if the Service is annotated as a version of
// one that permits its namespace. Manifests and output are read here without the code under
// test.
func TestNothingIsRoutedToWithoutConsent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkConsent(t, compiletest.Manifests(rapid.OneOf(compiletest.Snapshot(compiletest.PreviewNamespaces), compiletest.Either()).Draw(t, "snapshot")))
	})
	permitted, refused := 0, 0
	for seed := range 400 {
		yes, no := checkConsent(t, compiletest.Manifests(compiletest.Snapshot(compiletest.PreviewNamespaces).Example(seed)))
		permitted, refused = permitted+yes, refused+no
	}
	if permitted == 0 || refused == 0 {
		t.Errorf("%d routes to permitted Services, and %d Services that are not permitted", permitted, refused)
	}
}

// checkConsent checks the output for some manifests. It returns the number of routes to
// Services of other namespaces that are permitted, and of Services that are not.
func checkConsent(t rapid.TB, text []byte) (permitted, refused int) {
	t.Helper()
	in := parse(t, text)
	for _, o := range objectsFor(t, text) {
		if o.Kind != "VirtualService" {
			continue
		}
		for _, host := range destinations(o) {
			name, namespace := split(host)
			if namespace == "" || namespace == o.Metadata.Namespace {
				continue
			}
			base := in.baseOf(name, namespace)
			if _, of := split(base); base != "" && of != namespace {
				if !in.permits(base, namespace) && !in.leadTo(host) {
					t.Fatalf("%s/%s leads to %s, which %s does not permit to be a version of it", o.Metadata.Namespace, o.Metadata.Name, host, base)
				}
				permitted++
				namespace = of
			}
			if namespace != o.Metadata.Namespace && !in.leadInto(namespace) {
				t.Fatalf("%s/%s leads to %s, and no route of a user leads there", o.Metadata.Namespace, o.Metadata.Name, host)
			}
		}
	}
	for _, o := range in {
		base := in.baseOf(o.Metadata.Name, o.Metadata.Namespace)
		if _, of := split(base); o.Kind == "Service" && base != "" && of != o.Metadata.Namespace && !in.permits(base, o.Metadata.Namespace) {
			refused++
		}
	}
	return permitted, refused
}

func objectsFor(t rapid.TB, text []byte) manifests {
	var objects discover.Objects
	for document := range bytes.SplitSeq(text, []byte("---\n")) {
		data, err := yaml.YAMLToJSON(document)
		if err != nil {
			t.Fatal(err)
		}
		objects.Decode(data, "default", diag.Origin{})
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	made, err := generate.From(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var out manifests
	for _, o := range made.Objects {
		encoded, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parse(t, encoded.JSON)...)
	}
	return out
}

func parse(t rapid.TB, text []byte) manifests {
	var out manifests
	for document := range bytes.SplitSeq(text, []byte("---\n")) {
		var m manifest
		if err := yaml.Unmarshal(document, &m); err != nil {
			t.Fatal(err)
		}
		if m.Kind != "" {
			out = append(out, m)
		}
	}
	return out
}

// destinations lists the hosts to which a VirtualService sends requests, or copies of them.
func destinations(o manifest) []string {
	var out []string
	var walk func(value any)
	walk = func(value any) {
		switch x := value.(type) {
		case map[string]any:
			if host, is := x["host"].(string); is {
				if !strings.Contains(host, ".") {
					host = fmt.Sprintf("%s.%s.svc.cluster.local", host, o.Metadata.Namespace)
				}
				out = append(out, strings.ToLower(host))
			}
			for _, inner := range x {
				walk(inner)
			}
		case []any:
			for _, inner := range x {
				walk(inner)
			}
		}
	}
	var spec any
	if json.Unmarshal(o.Spec, &spec) == nil {
		walk(spec)
	}
	return out
}

// split returns the name and the namespace of the Service of a host; "" for others.
func split(host string) (name, namespace string) {
	short, is := strings.CutSuffix(host, ".svc.cluster.local")
	if !is {
		return "", ""
	}
	name, namespace, _ = strings.Cut(short, ".")
	return name, namespace
}

func (in manifests) find(kind, namespace, name string) *manifest {
	at := slices.IndexFunc(in, func(m manifest) bool {
		return m.Kind == kind && m.Metadata.Namespace == namespace && m.Metadata.Name == name
	})
	if at < 0 {
		return nil
	}
	return &in[at]
}

// baseOf returns the host of the Service that a Service is annotated as a version of.
func (in manifests) baseOf(name, namespace string) string {
	m := in.find("Service", namespace, name)
	if m == nil || m.Metadata.Annotations["overrides.mesh/version-of"] == "" {
		return ""
	}
	base, of, elsewhere := strings.Cut(m.Metadata.Annotations["overrides.mesh/version-of"], ".")
	if !elsewhere {
		of = namespace
	}
	return fmt.Sprintf("%s.%s.svc.cluster.local", base, of)
}

// permits reports whether a Service permits a namespace: by the first of its policies, or
// else by its annotation.
func (in manifests) permits(base, namespace string) bool {
	name, of := split(base)
	var policies []manifest
	for _, m := range in {
		if m.Kind == "OverridePolicy" && m.Metadata.Namespace == of && strings.Contains(string(m.Spec), fmt.Sprintf("%q:%q", "name", name)) {
			policies = append(policies, m)
		}
	}
	if len(policies) > 0 {
		first := slices.MinFunc(policies, func(a, b manifest) int { return strings.Compare(a.Metadata.Name, b.Metadata.Name) })
		return in.selects(first.Spec, namespace)
	}
	m := in.find("Service", of, name)
	if m == nil {
		return false
	}
	said := strings.Split(m.Metadata.Annotations["overrides.mesh/preview-namespaces"], ",")
	return slices.Contains(said, "*") || slices.Contains(said, namespace)
}

// selects reports whether the spec of a policy selects a namespace.
func (in manifests) selects(spec json.RawMessage, namespace string) bool {
	var policy struct {
		Previews struct {
			Namespaces struct {
				From     string
				Selector metav1.LabelSelector
			}
		}
	}
	if json.Unmarshal(spec, &policy) != nil {
		return false
	}
	from := &policy.Previews.Namespaces
	if from.From != "Selector" {
		return from.From == "All"
	}
	m := in.find("Namespace", "", namespace)
	known := labels.Set{"kubernetes.io/metadata.name": namespace}
	if m == nil && slices.ContainsFunc(from.Selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool { return r.Key != "kubernetes.io/metadata.name" }) {
		return false
	}
	if m != nil {
		known = labels.Merge(labels.Set(m.Metadata.Labels), known)
	}
	selector, err := metav1.LabelSelectorAsSelector(&from.Selector)
	return err == nil && selector.Matches(known)
}

// leadTo reports whether a user's route leads to a host.
func (in manifests) leadTo(host string) bool {
	return slices.ContainsFunc(in, func(m manifest) bool { return m.Kind == "VirtualService" && slices.Contains(destinations(m), host) })
}

// leadInto reports whether a user's route, or an alias, leads to a Service of a namespace.
func (in manifests) leadInto(namespace string) bool {
	for _, m := range in {
		hosts := destinations(m)
		if m.Kind == "Service" {
			var spec struct{ ExternalName string }
			_ = json.Unmarshal(m.Spec, &spec)
			hosts = []string{spec.ExternalName}
		}
		if slices.ContainsFunc(hosts, func(h string) bool { _, of := split(h); return of == namespace }) {
			return true
		}
	}
	return false
}
