package island

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// names finds the islands with a managed Service of a name: a member of an override that
// says no namespace means all Services of its name.
type names map[string][]*Island

// managedNames lists the names of managed Services, sorted.
func managedNames(result *compile.Result) []string {
	var out []string
	for i := range result.Services {
		if s := &result.Services[i]; s.State == compile.Managed {
			out = append(out, s.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// replace notes which names an island has, and adds the islands that share one of them to
// changed.
func (n names) replace(i *Island, before, after []string, changed map[*Island]struct{}) {
	for _, name := range before {
		if !slices.Contains(after, name) {
			if n[name] = slices.DeleteFunc(n[name], func(other *Island) bool { return other == i }); len(n[name]) == 0 {
				delete(n, name)
			}
			n.touch(name, changed)
		}
	}
	for _, name := range after {
		if !slices.Contains(before, name) {
			n[name] = append(n[name], i)
			n.touch(name, changed)
		}
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
	for _, name := range i.managed {
		if len(n[name]) < 2 {
			continue
		}
		for _, other := range n[name] {
			for j := range other.Result.Services {
				if s := &other.Result.Services[j]; s.Name == name {
					shared = append(shared, *s)
				}
			}
		}
	}
	if len(shared) == 0 {
		return nil
	}
	own := map[diag.Object]bool{}
	for j := range i.Result.Services {
		own[i.Result.Services[j].Object()] = true
	}
	return slices.DeleteFunc(compile.AmbiguousNames(shared), func(d diag.Diagnostic) bool { return !own[d.Object] })
}
