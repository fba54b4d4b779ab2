package compile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// version is one version of a Service, whatever number of workloads run it.
type version struct {
	name        string
	pods, ready int
	workloads   []string
	released    bool
	// subset names it in a DestinationRule; empty for isolated versions.
	subset string
	// isolated is set where the version stands behind a Service of its own.
	isolated *isolated
}

// routable reports whether a route may lead to v: only what can serve is routed to.
func (v *version) routable() bool { return v.ready > 0 }

// hasOthers reports whether pods, or templates of pods, stand behind s that
// are not released.
func (s *service) hasOthers() bool {
	return slices.ContainsFunc(s.backends, func(b backend) bool { return !b.released })
}

// listVersions gathers the versions of s, sorted by name. An isolated version
// takes the place of one of the same name behind the Service itself, unless it can't
// serve while that one can, or is released: so it is between two rollouts, where the
// Service for canaries stays.
func (c *compiler) listVersions(s *service) {
	s.versions = make([]version, 0, len(s.backends)+len(s.isolated))
	if !s.Headless {
		c.gatherVersions(s)
	}
	for i := range s.isolated {
		iso := &s.isolated[i]
		v := s.version(iso.version)
		if iso.ready == 0 && (v.ready > 0 || v.released) {
			continue
		}
		*v = version{name: iso.version, pods: iso.pods, ready: iso.ready, workloads: iso.workloads, isolated: iso, released: v.released}
	}
	slices.SortFunc(s.versions, func(a, b version) int { return cmp.Compare(a.name, b.name) })
	for i := range s.versions {
		v := &s.versions[i]
		slices.Sort(v.workloads)
		v.workloads = slices.Compact(v.workloads)
		if !v.routable() && (s.hasOthers() || v.isolated != nil) && !v.selectsNothing() {
			c.say(s, diag.VersionNotReady, "version %s has no ready pod (%d of %d): no route leads to it", v.name, v.ready, v.pods)
		}
		c.sayShared(s, v)
	}
}

// selectsNothing reports whether v has a Service of its own without pods, of which
// [compiler.sayNothing] tells.
func (v *version) selectsNothing() bool {
	return v.isolated != nil && nothingBehind(v.isolated.service)
}

// version returns the version of s of a name, which is added where there is none. It is
// good until the next one is added.
func (s *service) version(name string) *version {
	at := slices.IndexFunc(s.versions, func(v version) bool { return v.name == name })
	if at < 0 {
		at = len(s.versions)
		s.versions = append(s.versions, version{name: name})
	}
	return &s.versions[at]
}

func (c *compiler) gatherVersions(s *service) {
	var nameless []string
	workloads := make([]string, len(s.backends)) // one for each version, mostly
	for i := range s.backends {
		b := &s.backends[i]
		if b.version == "" {
			if !b.released {
				nameless = append(nameless, b.Workload.String())
			}
			continue
		}
		if err := grammar.ValidateVersion(b.version); err != nil {
			c.say(s, diag.InvalidVersion, "%s: %v", b.Workload, err)
			continue
		}
		v := s.version(b.version)
		v.pods += b.Pods
		v.ready += b.Ready
		v.released = v.released || b.released
		if v.workloads == nil {
			v.workloads = workloads[i : i : i+1]
		}
		v.workloads = append(v.workloads, b.Workload.String())
	}
	if len(nameless) > 0 {
		slices.Sort(nameless)
		nameless = slices.Compact(nameless)
		c.say(s, diag.NoVersionLabel, "%s %s no label %q: no override reaches %s", list(nameless), agree(nameless, "carries", "carry"), s.settings.VersionLabel, agree(nameless, "it", "them"))
		c.sayOtherLabel(s)
	}
}

// AmbiguousNames tells of managed Services that members without a namespace mean together.
// It is the only rule by which Services without anything in common matter to each other.
func AmbiguousNames(services []Service) []diag.Diagnostic {
	byName := map[string][]*Service{}
	for i := range services {
		if s := &services[i]; s.State == Managed {
			byName[s.Name] = append(byName[s.Name], s)
		}
	}
	var out []diag.Diagnostic
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		group := byName[name]
		if len(group) < 2 {
			continue
		}
		slices.SortFunc(group, func(a, b *Service) int { return cmp.Compare(a.Namespace, b.Namespace) })
		namespaces := make([]string, len(group))
		for i, s := range group {
			namespaces[i] = s.Namespace
		}
		for _, s := range group {
			out = append(out, diag.New(diag.AmbiguousServiceName, s.Object(),
				"namespaces %s have a Service of this name: a member %s:VERSION means all of them", list(namespaces), name).At(s.Origin))
		}
	}
	return out
}
