package mesh

import "slices"

// Scope says which namespaces see an object.
type Scope struct {
	// Public is set if all do.
	Public bool
	// Namespaces are those that see it otherwise, sorted; if it is empty, none does.
	Namespaces []string
}

const (
	public  = "*"
	private = "."
	nobody  = "~"
)

// scopeOf reads an exportTo of an object of namespace. If it is empty, the mesh's default
// counts, and if that is not set either, all namespaces see the object (pilot/pkg/model:
// PushContext.initDefaultExportMaps, initVirtualServices). A default for VirtualServices
// with namespaces works from Istio 1.31 on; before, no namespace sees them.
func scopeOf(exportTo, byDefault []string, namespace string) Scope {
	if len(exportTo) == 0 {
		exportTo = byDefault
	}
	if byDefault == nil && len(exportTo) == 0 {
		return Scope{Public: true}
	}
	if slices.Contains(exportTo, public) {
		return Scope{Public: true}
	}
	if slices.Contains(exportTo, nobody) {
		return Scope{}
	}
	out := make([]string, 0, len(exportTo))
	for _, n := range exportTo {
		if n == private {
			n = namespace
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return Scope{Namespaces: slices.Compact(out)}
}

// Includes reports whether namespace sees the object.
func (s Scope) Includes(namespace string) bool {
	if s.Public {
		return true
	}
	_, found := slices.BinarySearch(s.Namespaces, namespace)
	return found
}

// bucket returns the place where proxies of caller look for a VirtualService of
// namespace: first those that are private to their namespace, then those exported to it
// by name, then public ones (pilot/pkg/model: SelectVirtualServices). It returns false if
// they don't see it.
func (s Scope) bucket(namespace, caller string) (int, bool) {
	switch {
	case s.Public:
		return 2, true
	case !s.Includes(caller):
		return 0, false
	case caller == namespace:
		return 0, true
	}
	return 1, true
}
