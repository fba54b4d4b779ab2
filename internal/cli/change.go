package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// change is one object that differs from the one that would be generated. The old or the
// new value is nil if the object would be created or deleted.
type change struct {
	object   diag.Object
	old, new []byte
}

func (c *change) verb() string {
	switch {
	case c.old == nil:
		return "create"
	case c.new == nil:
		return "delete"
	}
	return "change"
}

func (c *change) path() string {
	return c.object.Namespace + "/" + c.object.Kind + "/" + c.object.Name + ".yaml"
}

// compare returns the differences, sorted by namespace, name and kind.
func compare(there []istio.Object, generated []istio.Unencoded) ([]change, error) {
	byName := map[diag.Object]*change{}
	at := func(object diag.Object) *change {
		if byName[object] == nil {
			byName[object] = &change{object: object}
		}
		return byName[object]
	}
	for _, o := range there {
		data, err := o.YAML()
		if err != nil {
			return nil, err
		}
		at(o.Object).old = data
	}
	for i := range generated {
		o := &generated[i]
		data, err := o.YAML()
		if err != nil {
			return nil, err
		}
		at(o.Object).new = data
	}
	var out []change
	for _, c := range byName {
		if string(c.old) != string(c.new) {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	return out, nil
}

func (c *change) sortKey() string {
	return c.object.Namespace + "\x00" + c.object.Name + "\x00" + c.object.Kind
}

// summary counts changes, as in "1 to create, 2 to change".
func summary(changes []change) string {
	counts := map[string]int{}
	for i := range changes {
		counts[changes[i].verb()]++
	}
	var parts []string
	for _, verb := range []string{"create", "change", "delete"} {
		if n := counts[verb]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, verb))
		}
	}
	return strings.Join(parts, ", ")
}

// apiVersion is that of generated objects. A cluster may return the same object with
// another one.
const apiVersion = "networking.istio.io/v1"

// serverFields of metadata are filled in by the API server.
var serverFields = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
	"managedFields", "resourceVersion", "selfLink", "uid",
}

// normalized returns an existing object in the form of generated objects, so that only
// real differences remain. It reports unknown fields by name, since it can't keep them.
func normalized(name diag.Object, value any, unknown []string) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	delete(object, "status")
	object["apiVersion"], object["kind"] = apiVersion, name.Kind
	if name.Kind == istio.HTTPRouteKind {
		object["apiVersion"] = istio.GatewayAPIVersion
	}
	if meta, ok := object["metadata"].(map[string]any); ok {
		maps.DeleteFunc(meta, func(key string, _ any) bool { return slices.Contains(serverFields, key) })
		if annotations, ok := meta["annotations"].(map[string]any); ok {
			delete(annotations, corev1.LastAppliedConfigAnnotation)
			delete(annotations, istio.InstanceAnnotation)
			if len(annotations) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	if len(unknown) > 0 {
		object["unknownFields"] = unknown
	}
	return json.Marshal(object)
}
