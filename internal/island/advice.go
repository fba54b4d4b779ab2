package island

import (
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// advice knows in which namespaces there is advice to give: those with a Service that
// selects nothing, or a preview that no Service selects. Advice decides nothing, and follows
// from all pods and Services of the namespace, of whatever island.
type advice struct {
	// in are the islands with objects in a namespace, of the namespaces of each.
	in map[string]map[*Island]struct{}
	of map[*Island][]string
	// loose are the islands that advice may be about, by namespace; given those that it is
	// about.
	loose, given map[string]map[*Island]struct{}
	// stale are the namespaces in which an island changed, wanting is set where one did that
	// has, or had, a Service that selects nothing: which concerns all namespaces.
	stale   map[string]bool
	wanting bool
	// empty are those Services, services all Services of each island.
	empty, services map[*Island][]discover.Selector
}

func newAdvice() advice {
	islands := func() map[string]map[*Island]struct{} { return map[string]map[*Island]struct{}{} }
	return advice{in: islands(), of: map[*Island][]string{}, loose: islands(), given: islands(), stale: map[string]bool{}, empty: map[*Island][]discover.Selector{}, services: map[*Island][]discover.Selector{}}
}

func join(to map[string]map[*Island]struct{}, name string, i *Island) {
	if to[name] == nil {
		to[name] = map[*Island]struct{}{}
	}
	to[name][i] = struct{}{}
}

func part(from map[string]map[*Island]struct{}, name string, i *Island) {
	if delete(from[name], i); len(from[name]) == 0 {
		delete(from, name)
	}
}

// read notes in which namespaces an island has objects, and may need advice.
func (a *advice) read(i *Island, x *index) {
	a.end(i)
	loose := map[string]bool{}
	for j := range i.own.Services {
		s := discover.SelectorOf(&i.own.Services[j])
		a.services[i] = append(a.services[i], s)
		if s.Empty {
			loose[s.Namespace], a.wanting = true, true
			a.empty[i] = append(a.empty[i], s)
		}
	}
	seen := map[string]bool{}
	for n := range i.group.nodes {
		seen[n.name.Namespace] = true
		for _, l := range n.labels {
			if p := (&discover.Pods{Labels: l}); p.IsPreview() && !x.isSelected(n.name.Namespace, l.All) {
				loose[n.name.Namespace] = true
			}
		}
	}
	a.of[i] = slices.Collect(maps.Keys(seen))
	for _, name := range a.of[i] {
		join(a.in, name, i)
		a.stale[name] = true
	}
	for name := range loose {
		join(a.loose, name, i)
	}
}

// end forgets an island.
func (a *advice) end(i *Island) {
	for _, name := range a.of[i] {
		part(a.in, name, i)
		part(a.loose, name, i)
		a.stale[name] = true
	}
	a.wanting = a.wanting || len(a.empty[i]) > 0
	delete(a.empty, i)
	delete(a.services, i)
	delete(a.of, i)
}

// isSelected reports whether a Service selects labels.
func (x *index) isSelected(namespace string, labels map[string]string) bool {
	s, out := x.spaces[namespace], false
	if s == nil {
		return false
	}
	s.selecting(labels, func(n *node) {
		service, is := n.object.Read.(*corev1.Service)
		out = out || is && model.HasLabels(labels, service.Spec.Selector)
	})
	return out
}

// advise gives advice anew where it may be another.
func (u *updating) advise() {
	a := &u.advice
	again := map[string]bool{}
	for name := range a.stale {
		if len(a.loose[name])+len(a.given[name]) > 0 {
			again[name] = true
		}
	}
	for name := range a.loose {
		again[name] = again[name] || a.wanting || u.isElsewhere(name)
	}
	for name := range a.given {
		again[name] = again[name] || a.wanting
	}
	a.wanting = false
	clear(a.stale)
	clear(u.index.moved)
	for name := range again {
		if again[name] {
			u.adviseIn(name)
		}
	}
}

// isElsewhere reports whether labels came or went in any namespace by which a Service of
// this one selects, that selects nothing.
func (u *updating) isElsewhere(namespace string) bool {
	for i := range u.advice.loose[namespace] {
		for _, s := range u.advice.empty[i] {
			for _, moved := range u.index.moved {
				if slices.ContainsFunc(moved, func(l *discover.Labels) bool { return model.HasLabels(l.All, s.Labels) }) {
					return true
				}
			}
		}
	}
	return false
}

// adviseIn gives advice for one namespace.
func (u *updating) adviseIn(namespace string) {
	of := map[string]*Island{}
	n := &discover.Neighbourhood{Pods: u.index.pods(namespace, func(*labelSet) bool { return true })}
	for i := range u.advice.in[namespace] {
		for _, s := range u.advice.services[i] {
			if s.Namespace == namespace {
				n.Services, of[s.Name] = append(n.Services, s), i
			}
		}
	}
	for _, s := range n.Services {
		if !s.Empty {
			continue
		}
		for other := range u.index.spaces {
			if other != namespace {
				n.Elsewhere = append(n.Elsewhere, u.index.pods(other, func(set *labelSet) bool {
					return model.HasLabels(set.labels.All, s.Labels) && !u.index.isSelected(other, set.labels.All)
				})...)
			}
		}
	}
	for _, empty := range u.advice.empty {
		for _, s := range empty {
			if s.Namespace != namespace {
				n.Wanting = append(n.Wanting, s)
			}
		}
	}
	found := discover.Advise(n)
	near, unselected := map[*Island]map[[2]string]*model.Near{}, map[*Island][]diag.Diagnostic{}
	for name, to := range found.Near {
		i := of[name]
		if near[i] == nil {
			near[i] = map[[2]string]*model.Near{}
		}
		near[i][[2]string{namespace, name}] = to
	}
	for _, d := range found.Unselected {
		if i := u.WithTie(d.Object); i != nil {
			unselected[i] = append(unselected[i], d)
		}
	}
	u.give(namespace, near, unselected)
}

// give gives islands the advice about a namespace. Those that got some before and get none
// now lose it.
func (u *updating) give(namespace string, near map[*Island]map[[2]string]*model.Near, unselected map[*Island][]diag.Diagnostic) {
	about := u.advice.given[namespace]
	delete(u.advice.given, namespace)
	all := map[*Island]struct{}{}
	maps.Copy(all, about)
	for i := range near {
		all[i] = struct{}{}
	}
	for i := range unselected {
		all[i] = struct{}{}
	}
	for i := range all {
		if u.islands[i.group] != i {
			continue
		}
		if i.replaceNear(namespace, near[i]) {
			u.due[i] = struct{}{}
		}
		if i.replaceUnselected(namespace, unselected[i]) {
			u.changed[i] = struct{}{}
		}
		if len(near[i])+len(unselected[i]) > 0 {
			join(u.advice.given, namespace, i)
		}
	}
}

// replaceNear replaces what is near Services of a namespace. It reports whether that is new.
func (i *Island) replaceNear(namespace string, near map[[2]string]*model.Near) bool {
	out := maps.Clone(near)
	if out == nil {
		out = map[[2]string]*model.Near{}
	}
	for key, n := range i.near {
		if key[0] != namespace {
			out[key] = n
		}
	}
	isNew := !reflect.DeepEqual(out, i.near) && len(out)+len(i.near) > 0
	i.near = out
	return isNew
}

func (i *Island) replaceUnselected(namespace string, unselected []diag.Diagnostic) bool {
	out := slices.Clone(unselected)
	for _, d := range i.unselected {
		if d.Object.Namespace != namespace {
			out = append(out, d)
		}
	}
	out = diag.Sort(out)
	isNew := !slices.Equal(out, i.unselected)
	i.unselected = out
	return isNew
}

// pods lists the pods with some of the labels of a namespace.
func (x *index) pods(namespace string, of func(*labelSet) bool) []discover.Pods {
	s := x.spaces[namespace]
	if s == nil {
		return nil
	}
	var out []discover.Pods
	for _, set := range s.sets {
		if of(set) {
			out = append(out, set.pods(namespace)...)
		}
	}
	return out
}

// pods lists the pods and templates with the labels, each workload once.
func (set *labelSet) pods(namespace string) []discover.Pods {
	seen := map[model.Workload]bool{}
	var out []discover.Pods
	for _, n := range set.objects {
		var by model.Workload
		switch x := n.object.Read.(type) {
		case *discover.Pod:
			if !x.Live {
				continue
			}
			by = x.Workload
		case *discover.Workload:
			if x.Kind == "ReplicaSet" && x.Owned {
				continue
			}
			by = model.Workload{Kind: x.Kind, Name: x.Name}
		default:
			continue
		}
		if !seen[by] {
			seen[by] = true
			out = append(out, discover.Pods{Namespace: namespace, Workload: by, Labels: set.labels})
		}
	}
	return out
}
