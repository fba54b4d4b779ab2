package discover

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Unread is an object that puts endpoints behind Services, of a kind whose pods are not
// read. While there is one, it is not known whether the pods that are read are all there are.
//
//	the object                                    is behind
//	of any kind, with a pod template in it        the Services that select the template's labels
//	a WorkloadEntry or a WorkloadGroup            the Services that select its labels
//	an Endpoints with addresses that are no pods  the Service of its name
//
// An EndpointSlice is an [EndpointSlice], whatever it has. The pods of a cluster are read,
// whatever their owners are, so that their templates don't matter.
type Unread struct {
	Meta

	Kind string
	// Templates are the labels of its pod templates.
	Templates []*Labels
	// Service is the name of the Service that it is behind; empty if labels decide it.
	Service string
}

// mayMakePods reports whether text, a document in YAML or JSON, may have a pod template.
// CustomResourceDefinitions have at most the schema of one.
func mayMakePods(group string, text []byte) bool {
	return group != "apiextensions.k8s.io" && bytes.Contains(text, []byte("labels")) &&
		(bytes.Contains(text, []byte("containers")) || bytes.Contains(text, []byte("template")))
}

// parseUnread adds an object of a kind that is not read, if it has a pod template, and
// reports whether it has one.
func (p *parser) parseUnread(doc []byte, h *head, gvk schema.GroupVersionKind) bool {
	var tree map[string]any
	if !mayMakePods(gvk.Group, doc) || kjson.UnmarshalCaseSensitivePreserveInts(doc, &tree) != nil {
		return false
	}
	var s templateSearch
	s.value("", tree, 0)
	if len(s.found) == 0 {
		return false
	}
	name := h.name(&Kind{}, p.namespace)
	if slices.ContainsFunc(kinds, func(k Kind) bool { return k.Name == gvk.Kind }) {
		// A Service of Knative, for example, is not the Service of that name.
		name.Kind = gvk.Kind + "." + gvk.Group
	}
	if name.Name == "" {
		metadata, _ := h.Metadata.(map[string]any)
		name.Name, _ = metadata["generateName"].(string)
		name.Namespace = cmp.Or(textOr(metadata["namespace"], ""), p.namespace)
	}
	out := &Unread{Meta: Meta{Namespace: name.Namespace, Name: name.Name}, Kind: name.Kind}
	for _, text := range slices.Sorted(maps.Keys(s.found)) {
		out.Templates = append(out.Templates, LabelsOf(s.found[text]))
	}
	p.parsed.objects = append(p.parsed.objects, parsedObject{name: name, object: out})
	return true
}

// templateSearch finds pod templates in an object of any kind.
type templateSearch struct {
	// found are the labels of the templates, each set once.
	found map[string]map[string]string
}

// deepest bounds the search: hardly any kind has its templates below ten levels.
const deepest = 32

func (s *templateSearch) value(key string, value any, depth int) {
	if depth == deepest {
		return
	}
	switch v := value.(type) {
	case []any:
		for i := range v {
			s.value(key, v[i], depth+1)
		}
	case map[string]any:
		if labels := templateLabels(key, v); len(labels) > 0 {
			if s.found == nil {
				s.found = map[string]map[string]string{}
			}
			s.found[model.LabelString(labels)] = labels
			return
		}
		for key := range v {
			s.value(key, v[key], depth+1)
		}
	}
}

// templateLabels returns the labels of a value if it is a pod template: if it has labels in
// its metadata, and a spec with containers, or any spec if its field is called template.
// Templates of other objects have no spec (Secrets of a SealedSecret), or are in fields of
// other names (volumes).
func templateLabels(field string, value map[string]any) map[string]string {
	spec, _ := value["spec"].(map[string]any)
	metadata, _ := value["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	_, isPod := spec["containers"].([]any)
	if spec == nil || !isPod && field != "template" {
		return nil
	}
	out := make(map[string]string, len(labels))
	for key, value := range labels {
		if text, ok := value.(string); ok {
			out[key] = text
		}
	}
	return out
}

// workloadEntry is the fields of a WorkloadEntry of Istio's that say which Services it is
// behind.
type workloadEntry struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		Address string            `json:"address"`
		Labels  map[string]string `json:"labels"`
	} `json:"spec"`
}

func decodeWorkloadEntry(doc []byte) (metav1.Object, error) {
	return decodeAs[workloadEntry](doc)
}

// unreadOf returns the trimmed form of in. Services select WorkloadEntries of their
// namespace by labels, except those whose address is a name or a socket: only ServiceEntries
// can use these (istio pilot/pkg/serviceregistry/kube/controller:
// workloadInstanceHandler; serviceentry: convertWorkloadEntryToWorkloadInstance).
func (in *workloadEntry) unreadOf() *Unread {
	if _, err := netip.ParseAddr(in.Spec.Address); in.Spec.Address != "" && err != nil {
		return nil
	}
	return unreadWorkload("WorkloadEntry", in, in.Spec.Labels)
}

// workloadGroup is a WorkloadGroup of Istio's: the template of WorkloadEntries that
// workloads register themselves.
type workloadGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Template struct {
			Labels map[string]string `json:"labels"`
		} `json:"template"`
	} `json:"spec"`
}

func decodeWorkloadGroup(doc []byte) (metav1.Object, error) {
	return decodeAs[workloadGroup](doc)
}

func (in *workloadGroup) unreadOf() *Unread {
	// istio pilot/pkg/autoregistration: workloadEntryFromGroup.
	labels := maps.Clone(in.Spec.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, in.Spec.Metadata.Labels)
	return unreadWorkload("WorkloadGroup", in, labels)
}

func unreadWorkload(kind string, meta metav1.Object, labels map[string]string) *Unread {
	if len(labels) == 0 {
		return nil
	}
	return &Unread{Meta: metaOf(meta), Kind: kind, Templates: []*Labels{LabelsOf(labels)}}
}

// endpoints is the fields of an Endpoints that say what the addresses behind the Service of
// its name are.
type endpoints struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Subsets []struct {
		Addresses         []endpointAddress `json:"addresses"`
		NotReadyAddresses []endpointAddress `json:"notReadyAddresses"`
	} `json:"subsets"`
}

type endpointAddress struct {
	TargetRef *struct {
		Kind string `json:"kind"`
	} `json:"targetRef"`
}

func decodeEndpoints(doc []byte) (metav1.Object, error) { return decodeAs[endpoints](doc) }

func (in *endpoints) unreadOf() *Unread {
	for _, s := range in.Subsets {
		if slices.ContainsFunc(slices.Concat(s.Addresses, s.NotReadyAddresses), func(a endpointAddress) bool {
			return a.TargetRef == nil || a.TargetRef.Kind != "Pod"
		}) {
			return &Unread{Meta: metaOf(in), Kind: "Endpoints", Service: in.Name}
		}
	}
	return nil
}

// sliceController is the mark of Kubernetes' own controller on EndpointSlices with the pods
// that a Service selects.
const sliceController = "endpointslice-controller.k8s.io"

// isForeign reports whether an EndpointSlice has endpoints that are no pods, or comes from
// another controller than Kubernetes' own, as for pods of another cluster.
func isForeign(in *discoveryv1.EndpointSlice) bool {
	if by, ok := in.Labels[discoveryv1.LabelManagedBy]; ok && by != sliceController {
		return len(in.Endpoints) > 0
	}
	return slices.ContainsFunc(in.Endpoints, func(e discoveryv1.Endpoint) bool {
		return e.TargetRef == nil || e.TargetRef.Kind != "Pod"
	})
}

// unreadIndex finds the unread objects behind a Service.
type unreadIndex struct {
	byLabel   groupIndex
	byService map[[2]string][]model.Unread
}

func (r *reader) indexUnread() unreadIndex {
	out := unreadIndex{byService: map[[2]string][]model.Unread{}}
	name := func(kind, namespace, name, service string) {
		key := [2]string{namespace, service}
		out.byService[key] = append(out.byService[key], model.Unread{Object: diag.Object{Kind: kind, Namespace: namespace, Name: name}})
	}
	for _, s := range r.EndpointSlices {
		if s.Foreign {
			name("EndpointSlice", s.Namespace, s.Name, s.Service)
		}
	}
	var groups []*group
	for _, u := range r.Unread {
		if u.Service != "" {
			name(u.Kind, u.Namespace, u.Name, u.Service)
		}
		for _, labels := range u.Templates {
			groups = append(groups, &group{owner: ownerKey{u.Namespace, model.Workload{Kind: u.Kind, Name: u.Name}}, labels: labels})
		}
	}
	out.byLabel = indexGroups(groups, r.Services)
	return out
}

// behind lists the unread objects behind a Service.
func (x *unreadIndex) behind(namespace, name string, selector map[string]string) []model.Unread {
	out := slices.Clone(x.byService[[2]string{namespace, name}])
	for _, g := range x.byLabel.selected(namespace, selector) {
		object := diag.Object{Kind: g.owner.workload.Kind, Namespace: namespace, Name: g.owner.workload.Name}
		out = append(out, model.Unread{Object: object, Labels: g.labels.Kept})
	}
	slices.SortFunc(out, func(a, b model.Unread) int {
		return cmp.Or(a.Object.Compare(b.Object), strings.Compare(model.LabelString(a.Labels), model.LabelString(b.Labels)))
	})
	return out
}
