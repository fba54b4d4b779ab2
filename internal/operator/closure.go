package operator

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
)

// The loop of routes finds out which versions have to be closed, and the loop of policies writes
// the AuthorizationPolicies that close them. No route leads to a version before proxies have
// received these, and they stay until the version has no pods.

// closures is what the loop of routes says to that of policies.
type closures struct {
	// needs has the versions to close by their Service; known is set when all Services were
	// looked at once.
	needs map[diag.Object][]closed.Need
	known bool
	// written is when this process made an object that closes a version, or let it select other
	// pods.
	written map[diag.Object]time.Time
}

func newClosures() closures {
	return closures{needs: map[diag.Object][]closed.Need{}, written: map[diag.Object]time.Time{}}
}

// close decides to which versions of closed Services no route may lead, and reports on the
// versions. It is given to the map of islands.
func (x *islands) close(snapshot *model.Snapshot, services []compile.Service) (map[model.VersionName]bool, []diag.Diagnostic) {
	needs := closed.Needs(snapshot, services)
	policies := x.store.setNeeds(services, needs)
	if len(needs) == 0 {
		return nil, nil
	}
	if !x.options.GatewayPolicies {
		for i := range needs {
			needs[i].Refused = "the operator may not write AuthorizationPolicies (gatewayPolicies.enabled of the chart, --gateway-policies)"
		}
	}
	versions, err := closed.Make(needs, policies, &x.options.Model)
	open, now := closed.NotClosed(versions), time.Now()
	if err != nil { // a bug: then no route leads to any of them
		for i := range needs {
			open[needs[i].Version] = false
		}
	}
	var found []diag.Diagnostic
	for i := range versions {
		v := &versions[i]
		found = append(found, v.Diagnostics...)
		for _, o := range v.Objects {
			if !x.store.isInForce(o, now.Add(-x.options.Plan.PropagationDelay)) {
				open[v.Version] = true
			}
		}
	}
	return open, found
}

// awaitsClosing reports whether a version will be closed soon, so that routes may lead to it.
func (p *islandState) awaitsClosing() bool {
	for _, soon := range p.snapshot.NotClosed {
		if soon {
			return true
		}
	}
	return false
}

// setNeeds stores the versions of some Services to close, and returns the policies that say who
// may call their pods; none if there is no need.
func (s *store) setNeeds(services []compile.Service, needs []closed.Need) []model.AccessPolicy {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(needs)+len(s.closures.needs) == 0 {
		return nil
	}
	by := map[diag.Object][]closed.Need{}
	for _, n := range needs {
		of := diag.Object{Kind: "Service", Namespace: n.Version.Namespace, Name: n.Version.Service}
		by[of] = append(by[of], n)
	}
	changed := false
	for i := range services {
		of := services[i].Object()
		if reflect.DeepEqual(by[of], s.closures.needs[of]) {
			continue
		}
		if changed = true; len(by[of]) == 0 {
			delete(s.closures.needs, of)
		} else {
			s.closures.needs[of] = by[of]
		}
	}
	if changed {
		s.wakeEntries()
	}
	if len(needs) == 0 {
		return nil
	}
	return s.accessPolicies(namespacesOf(needs))
}

// namespacesOf returns the namespaces of the pods that needs are about. Policies of these, and
// of Istio's root namespace, are in force at such pods.
func namespacesOf(needs []closed.Need) map[string]bool {
	out := map[string]bool{}
	for i := range needs {
		out[needs[i].Namespace], out[needs[i].ReleasedIn] = true, true
	}
	return out
}

// setClosuresKnown notes that all Services were looked at.
func (s *store) setClosuresKnown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closures.known {
		s.closures.known = true
		s.wakeEntries()
	}
}

// needs lists the versions to close, sorted, without those of Services that are gone. The caller
// has locked s.mu.
func (s *store) needs() []closed.Need {
	var out []closed.Need
	for of, list := range s.closures.needs {
		if s.items[of] == nil {
			delete(s.closures.needs, of)
			continue
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b closed.Need) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// writesClosing notes that an object is about to be written, unless one that is seen closes the
// same pods already.
func (s *store) writesClosing(o encoded.Object, seen *apply.Seen) {
	if !closed.Closes(o.Object) || seen != nil && closed.SamePods(seen.Managed, o.JSON) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closures.written[o.Object] = time.Now()
}

// isInForce reports whether an object for the same pods is in the cluster since a time. Whom it
// admits may still change: routes stay meanwhile.
func (s *store) isInForce(o encoded.Object, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.items[o.Object]
	return x != nil && x.seen != nil && closed.SamePods(x.seen.Managed, o.JSON) && !s.closures.written[o.Object].After(since)
}

// closing returns the objects that close versions, in managed namespaces. Until all needs are
// known, those in place stay.
func (in *entryInput) closing(options *model.Options) ([]encoded.Object, error) {
	var out []encoded.Object
	if !in.needsKnown {
		for _, seen := range in.seen {
			if closed.Closes(seen.Object) {
				out = append(out, encoded.Object{Object: seen.Object, JSON: seen.Managed})
			}
		}
		return out, nil
	}
	versions, err := closed.Make(in.needs, in.accessPolicies, options)
	for i := range versions {
		for _, o := range versions[i].Objects {
			if in.manages(o.Namespace) {
				out = append(out, o)
			}
		}
	}
	return out, err
}
