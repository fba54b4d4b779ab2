package mesh

import "slices"

// Scope is which namespaces see an object.
type Scope struct {
	// Public is set where all do.
	Public bool
	// Namespaces are those that do otherwise, sorted; none sees it where it is empty.
	Namespaces []string
}

const (
	public  = "*"
	private = "."
	nobody  = "~"
)

// scopeOf reads an exportTo of an object of namespace; where it says nothing, the
// mesh's default counts, and where that is not set, everybody sees the object
// (pilot/pkg/model: PushContext.initDefaultExportMaps, initVirtualServices). A default for
// VirtualServices that names namespaces counts from Istio 1.31 on; before, nobody sees them.
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

// bucket is where proxies of caller look for a VirtualService of namespace: those
// that are private to their namespace come first, then those that name it, then
// public ones (pilot/pkg/model: SelectVirtualServices). It reports false where they
// don't see it.
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
