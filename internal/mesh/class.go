package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Class is a set of callers that the objects of an [Island] don't tell apart.
type Class struct {
	// Namespace is one of Namespaces, or [Elsewhere].
	Namespace string
	// Namespaces are all namespaces of these callers, sorted.
	Namespaces []string
	// Labels are those labels of these callers that selectors use.
	Labels map[string]string
	// Revision is the revision of their proxies; empty for one that no object names.
	Revision string

	// any is set if the class contains all callers.
	any bool
	// gateway is set for pods of gateways.
	gateway bool
	// byRevision is set if the island has objects for one revision only.
	byRevision bool
}

// Elsewhere stands for all namespaces that no object names.
const Elsewhere = "(elsewhere)"

// MaxLabels is the maximum number of sets of labels that are told apart in a namespace.
const MaxLabels = 64

// Any reports whether c contains all callers.
func (c *Class) Any() bool { return c.any }

// reads reports whether the istiod of c reads an object with a revision: its own, or none
// (pkg/config: LabelsInRevision; Istio does not resolve tags there).
func (c *Class) reads(revision string) bool { return revision == "" || revision == c.Revision }

// String returns "callers in namespace shop with labels app=web, of revision canary".
func (c *Class) String() string {
	var b strings.Builder
	switch {
	case c.any:
		return "all callers"
	case c.gateway:
		return "gateway pods in namespace " + c.Namespace + " with labels " + strings.TrimSuffix(model.LabelString(c.Labels), ",")
	case c.Namespace == Elsewhere:
		b.WriteString("callers in other namespaces")
	case len(c.Namespaces) > 1:
		b.WriteString("callers in namespaces " + listNames(c.Namespaces))
	default:
		b.WriteString("callers in namespace " + c.Namespace)
	}
	if len(c.Labels) > 0 {
		b.WriteString(" with labels " + strings.TrimSuffix(model.LabelString(c.Labels), ","))
	}
	if c.byRevision {
		b.WriteString(" of revision " + cmp.Or(c.Revision, "(any other)"))
	}
	return b.String()
}

func listNames(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// SharedClasses lists the classes of callers that the objects of any of islands tell
// apart. The islands may be of several states of a cluster: a class has the revision of
// the last one, and [Island.Here] the one of each. It returns false if there are too many
// classes.
func SharedClasses(islands ...*Island) ([]*Class, bool) {
	special := map[string]bool{}
	all, revisions := slices.Clone(islands[0].mesh.namespaces), []string(nil)
	for i, x := range islands {
		if i > 0 {
			all = addTo(all, x.mesh.namespaces)
		}
		maps.Copy(special, x.specialNamespaces())
		for _, scope := range x.scopes() {
			all = addTo(all, scope.Namespaces)
		}
		revisions = addTo(revisions, x.revisions())
	}
	for n := range special {
		all = addTo(all, []string{n})
	}
	groups := map[string]*Class{}
	var order []*Class
	var key []byte
	for _, n := range all {
		for _, revision := range revisionsOf(islands, n, revisions) {
			key = append(append(key[:0], revision...), 0)
			for _, x := range islands {
				key = append(x.appendSignature(key, n, special), 0)
				key = append(append(key, x.ownRevision(n, revisions)...), 0)
			}
			group := groups[string(key)]
			if group == nil {
				group = &Class{Namespace: n, Revision: revision, byRevision: len(revisions) > 0}
				groups[string(key)] = group
				order = append(order, group)
			}
			if n != Elsewhere {
				group.Namespaces = append(group.Namespaces, n)
			}
		}
	}
	var out []*Class
	for _, c := range order {
		sets, ok := labelSets(islands, c.Namespace)
		if !ok {
			return nil, false
		}
		for _, labels := range sets {
			with := *c
			with.Labels = labels
			out = append(out, &with)
		}
	}
	return out, true
}

// addTo adds to a sorted list those of more that it does not contain.
func addTo(sorted, more []string) []string {
	for _, s := range more {
		if at, found := slices.BinarySearch(sorted, s); !found {
			sorted = slices.Insert(sorted, at, s)
		}
	}
	return sorted
}

// Here returns c with the revision that its namespace has in the state of x: c itself if
// that is the same, or unknown.
func (x *Island) Here(c *Class) *Class {
	if !c.byRevision {
		return c
	}
	own, known := x.mesh.revisionOf(c.Namespace)
	if !known || own == c.Revision {
		return c
	}
	out := *c
	out.Revision = own
	return &out
}

// specialNamespaces are the namespaces with an effect of their own: an object of the
// island has a rule for objects in it, or is exported to it alone.
func (x *Island) specialNamespaces() map[string]bool {
	out := map[string]bool{x.mesh.snapshot.Options.RootNamespace: true}
	alone := func(s Scope) {
		if !s.Public && len(s.Namespaces) == 1 {
			out[s.Namespaces[0]] = true
		}
	}
	for _, s := range x.sources {
		out[s.Namespace] = true
		alone(s.scope)
		for i := range s.Routes {
			if n := s.Routes[i].Match.SourceNamespace; n != "" && !s.Routes[i].NeedsOverride {
				out[n] = true
			}
		}
	}
	for _, s := range x.services {
		out[s.Namespace] = true
		alone(s.scope)
		for _, a := range s.Aliases {
			if alias := x.mesh.services[a]; alias != nil {
				out[alias.Namespace] = true
			}
		}
	}
	for _, s := range x.services {
		for _, r := range x.rulesOf(s.Host) {
			out[r.Namespace] = true
			if len(r.ExportTo) > 0 {
				alone(scopeOf(r.ExportTo, nil, r.Namespace))
			}
		}
	}
	for n := range x.mesh.sidecars {
		out[n] = true
	}
	return out
}

// scopes are the scopes of all objects of the island that are not public.
func (x *Island) scopes() []Scope {
	if x.allScopes != nil {
		return x.allScopes
	}
	out := []Scope{}
	add := func(s Scope) {
		if !s.Public && len(s.Namespaces) > 1 {
			out = append(out, s)
		}
	}
	for _, s := range x.sources {
		add(s.scope)
	}
	for _, s := range x.services {
		add(s.scope)
	}
	for _, s := range x.services {
		for _, r := range x.rulesOf(s.Host) {
			if len(r.ExportTo) > 0 {
				add(scopeOf(r.ExportTo, nil, r.Namespace))
			}
		}
	}
	x.allScopes = out
	return out
}

// appendSignature appends a text that is equal for namespaces that no object tells apart.
func (x *Island) appendSignature(to []byte, namespace string, special map[string]bool) []byte {
	if special[namespace] {
		return append(to, namespace...)
	}
	for _, s := range x.scopes() {
		if s.Includes(namespace) {
			to = append(to, '1')
		} else {
			to = append(to, '0')
		}
	}
	return to
}

// revisions lists the revisions of objects of the island.
func (x *Island) revisions() []string {
	seen := map[string]bool{}
	add := func(r string) {
		if r != "" {
			seen[r] = true
		}
	}
	for _, s := range x.sources {
		add(s.Revision)
	}
	for _, s := range x.services {
		add(s.revision())
		for _, r := range x.rulesOf(s.Host) {
			add(r.Revision)
		}
	}
	for _, list := range x.mesh.sidecars {
		for _, s := range list {
			add(s.Revision)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// revisionOf returns the revision of a namespace, according to its labels.
func (m *Mesh) revisionOf(namespace string) (string, bool) {
	own, known := m.snapshot.Revisions[namespace]
	if of, isTag := m.snapshot.Tags[own]; known && isTag {
		own = of
	}
	return own, known
}

// ownRevision returns the revision of a namespace, if revisions are told apart.
func (x *Island) ownRevision(namespace string, named []string) string {
	if len(named) == 0 {
		return ""
	}
	own, _ := x.mesh.revisionOf(namespace)
	return own
}

// revisionsOf lists the revisions that callers of a namespace may have: the one of its
// labels, in the last of the islands that has one, or else any.
func revisionsOf(islands []*Island, namespace string, named []string) []string {
	if len(named) == 0 {
		return noRevision
	}
	for _, x := range slices.Backward(islands) {
		if own, known := x.mesh.revisionOf(namespace); known {
			return []string{own}
		}
	}
	return append([]string{""}, named...)
}

// noRevision is used if revisions are not told apart.
var noRevision = []string{""}

// labelSets lists the relevant sets of labels of callers in a namespace: every set that
// some selectors match together, and none.
func labelSets(islands []*Island, namespace string) ([]map[string]string, bool) {
	sets := []map[string]string{nil}
	seen := map[string]bool{"": true}
	add := func(labels map[string]string) bool {
		if len(labels) == 0 {
			return true
		}
		for _, have := range slices.Clone(sets) {
			joined, ok := joinLabels(have, labels)
			if !ok {
				continue
			}
			if key := model.LabelString(joined); !seen[key] {
				seen[key] = true
				sets = append(sets, joined)
			}
		}
		return len(sets) <= MaxLabels
	}
	for _, x := range islands {
		for _, selector := range x.selectors(namespace) {
			if !add(selector) {
				return nil, false
			}
		}
	}
	return sets, true
}

// selectors are the labels by which objects of the island select callers in a namespace.
func (x *Island) selectors(namespace string) []map[string]string {
	var out []map[string]string
	for _, s := range x.sources {
		for i := range s.Routes {
			if labels := s.Routes[i].Match.SourceLabels; len(labels) > 0 && !s.Routes[i].NeedsOverride {
				out = append(out, labels)
			}
		}
	}
	for _, s := range x.services {
		for _, r := range x.rulesOf(s.Host) {
			if r.Selector != nil && r.Namespace == namespace {
				out = append(out, r.Selector)
			}
		}
	}
	for _, s := range x.mesh.sidecars[namespace] {
		out = append(out, s.Spec.GetWorkloadSelector().GetLabels())
	}
	return out
}

// joinLabels returns the labels of a caller that matches both; false if no caller can.
func joinLabels(a, b map[string]string) (map[string]string, bool) {
	out := make(map[string]string, len(a)+len(b))
	maps.Copy(out, a)
	for key, value := range b {
		if have, ok := out[key]; ok && have != value {
			return nil, false
		}
		out[key] = value
	}
	return out, true
}
