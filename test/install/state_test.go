package install_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// state has all objects of a cluster, by "resource namespace/name", as JSON.
type state map[string]string

// passing are resources that report events or liveness.
var passing = []string{"events", "events.events.k8s.io"}

// state reads everything that can be listed.
func (c *cluster) state(t *testing.T) state {
	t.Helper()
	_, lists, err := c.kube.Discovery().ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		t.Fatal(err)
	}
	out := state{}
	// Of several versions of a resource, always the same one is read.
	slices.SortFunc(lists, func(a, b *metav1.APIResourceList) int { return cmp.Compare(a.GroupVersion, b.GroupVersion) })
	read := map[string]bool{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		check(t, err)
		for i := range list.APIResources {
			resource := &list.APIResources[i]
			name := strings.TrimSuffix(resource.Name+"."+gv.Group, ".")
			if !slices.Contains(resource.Verbs, "list") || strings.Contains(resource.Name, "/") || slices.Contains(passing, name) || read[name] {
				continue
			}
			read[name] = true
			objects, err := c.objects.Resource(gv.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if apierrors.IsNotFound(err) {
				continue // its definition has just gone
			}
			check(t, err)
			for j := range objects.Items {
				o := &objects.Items[j]
				out[name+" "+o.GetNamespace()+"/"+o.GetName()] = encode(t, o)
			}
		}
	}
	return out
}

// encode writes an object as users see it: without the API server's counters, and without
// the times of leases.
func encode(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	o = o.DeepCopy()
	o.SetResourceVersion("")
	o.SetManagedFields(nil)
	if o.GetKind() == "Lease" {
		delete(o.Object, "spec")
	}
	text, err := json.Marshal(o.Object)
	check(t, err)
	return string(text)
}

// change lists the differences from another state, except names with one of some
// prefixes.
func (s state) change(after state, but ...string) []string {
	var out []string
	all := maps.Clone(s)
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		before, was := s[key]
		now, is := after[key]
		if slices.ContainsFunc(but, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			continue
		}
		switch {
		case !was:
			out = append(out, "new: "+key)
		case !is:
			out = append(out, "gone: "+key)
		case before != now:
			out = append(out, "changed: "+key+"\n  "+before+"\n  "+now)
		}
	}
	return out
}
