package operator_test

import (
	"testing"
)

// TestToldAfterRestart: an operator that starts revokes announcements of the previous one
// that are no longer true: it derives them from the objects in place.
func TestToldAfterRestart(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "told")
	first := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	first.stop()
	s.ready(t, "v2", false)
	second := run(t, s.config, options(s.namespace))
	s.hasEvent(t, "VersionNotOverridable", "version v2 has no ready pod (0 of 1): requests for cart:v2 get the released version", 1)
	// A version that gets all traffic is overridable, in a way.
	s.ready(t, "v2", true)
	s.hasEvent(t, "VersionOverridable", "cart:v2", 2)
	s.remove(t, "v1")
	s.converges(t, 2)
	s.hasWarning(t, "ReleasedStandIn", "Deployment/cart-v2 stands in")
	second.stop()
}

// TestNamespaceNotManaged: a namespace that loses its label while no operator runs is
// restored to its state without Overrides, since its objects name the installation, and
// an Event at its Services reports this.
func TestNamespaceNotManaged(t *testing.T) {
	t.Parallel()
	// Operators of other tests that select by label must not manage it.
	plane := ownPlane(t)
	check(t, installCRDs(t.Context(), plane))
	s := openShop(t, plane, "unmanaged")
	s.label(t, "true")
	o := options("")
	o.Namespaces, o.Instance = nil, s.namespace
	first := run(t, s.config, o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.hasEvent(t, "VersionOverridable", "cart:v2", 1)
	first.stop()
	s.label(t, "no")
	run(t, s.config, o)
	s.empty(t)
	s.hasEvent(t, "VersionNotOverridable", "since namespace "+s.namespace+" is no longer managed: requests for cart:v2 are answered like any other", 1)
	s.hasWarning(t, "NamespaceNotManaged", "its ordinary traffic goes to all of its pods, previews included")
}
