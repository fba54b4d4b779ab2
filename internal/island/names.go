package island

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// names finds the islands with a managed Service of a name: a member of an override that
// says no namespace means all Services of its name.
type names map[string][]*Island

// managedServices lists the managed Services.
func managedServices(result *compile.Result) []diag.Object {
	var out []diag.Object
	for i := range result.Services {
		if s := &result.Services[i]; s.State == compile.Managed {
			out = append(out, s.Object())
		}
	}
	return out
}

func hasName(services []diag.Object, name string) bool {
	return slices.ContainsFunc(services, func(s diag.Object) bool { return s.Name == name })
}

// replace notes which names an island has, and adds the islands that share one of them to
// changed.
func (n names) replace(i *Island, before, after []diag.Object, changed map[*Island]struct{}) {
	if slices.Equal(before, after) {
		return
	}
	for _, s := range before {
		if name := s.Name; !hasName(after, name) && slices.Contains(n[name], i) {
			if n[name] = slices.DeleteFunc(n[name], func(other *Island) bool { return other == i }); len(n[name]) == 0 {
				delete(n, name)
			}
			n.touch(name, changed)
		}
	}
	for _, s := range after {
		if !slices.Contains(n[s.Name], i) {
			n[s.Name] = append(n[s.Name], i)
		}
		n.touch(s.Name, changed)
	}
}

func (n names) touch(name string, changed map[*Island]struct{}) {
	for _, other := range n[name] {
		changed[other] = struct{}{}
	}
}

// about says which Services of an island share their names with Services of others.
func (n names) about(i *Island) []diag.Diagnostic {
	var shared []compile.Service
	for j := range i.Result.Services {
		own := &i.Result.Services[j]
		if own.State != compile.Managed || len(n[own.Name]) < 2 {
			continue
		}
		shared = append(shared, *own)
		for _, other := range n[own.Name] {
			if other != i {
				shared = append(shared, other.managedAs(own.Name)...)
			}
		}
	}
	return slices.DeleteFunc(compile.AmbiguousNames(shared), func(d diag.Diagnostic) bool { return !slices.Contains(i.managed, d.Object) })
}

// managedAs lists the managed Services of a name.
func (i *Island) managedAs(name string) []compile.Service {
	var out []compile.Service
	for _, s := range i.managed {
		if s.Name == name {
			out = append(out, compile.Service{Namespace: s.Namespace, Name: s.Name, State: compile.Managed})
		}
	}
	return out
}
