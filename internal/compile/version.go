package compile

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// version is one version of a Service, whatever number of workloads run it.
type version struct {
	name        string
	pods, ready int
	workloads   []string
	released    bool
	// subset names it in a DestinationRule; empty for isolated versions. [planSubsets]
	// names it.
	subset string
	// isolated is set if the version is behind a Service of its own.
	isolated *isolated
	// expires is when the version expires; zero for never. expired is set if it has.
	expires time.Time
	expired bool
	// notClosed is set if it must be closed, and is not: see [model.Snapshot.NotClosed].
	notClosed bool
}

// routable reports whether a route may lead to v: one of its pods has to be ready, and it must
// neither have expired nor be open to callers that it must be closed to.
func (v *version) routable() bool { return v.ready > 0 && !v.expired && !v.notClosed }

// listVersions gathers the versions of a Service, sorted by name. An isolated version
// takes the place of one of the same name behind the Service itself, unless it has no
// ready pod while that one has some or is released: between two rollouts the Service for
// canaries stays, without pods.
func listVersions(g *given, pods []backend, r *reporter) []version {
	x := versionList{make([]version, 0, len(pods)+len(g.isolated))}
	if !g.Headless {
		x.gather(g.Service, pods, r)
	}
	for i := range g.isolated {
		iso := &g.isolated[i]
		v := x.named(iso.version)
		if iso.ready == 0 && (v.ready > 0 || v.released) {
			continue
		}
		*v = version{name: iso.version, pods: iso.pods, ready: iso.ready, workloads: iso.workloads, isolated: iso, released: v.released}
	}
	slices.SortFunc(x.versions, func(a, b version) int { return cmp.Compare(a.name, b.name) })
	for i := range x.versions {
		v := &x.versions[i]
		slices.Sort(v.workloads)
		v.workloads = slices.Compact(v.workloads)
		if v.ready == 0 && (anyUnreleased(pods) || v.isolated != nil) && !v.isEmpty() {
			r.report(g.Service, diag.VersionNotReady, "version %s has no ready pod (%d of %d): no route leads to it", v.name, v.ready, v.pods)
		}
	}
	return x.versions
}

// isEmpty reports whether v has a Service of its own whose selector selects nothing, which
// [reportSelectsNothing] reports.
func (v *version) isEmpty() bool { return v.isolated != nil && selectsNothing(v.isolated.service) }

// versionList is versions in the making.
type versionList struct{ versions []version }

// named returns the version of a name, which it adds where there is none. The pointer is
// good until the next version is added.
func (x *versionList) named(name string) *version {
	at := slices.IndexFunc(x.versions, func(v version) bool { return v.name == name })
	if at < 0 {
		at = len(x.versions)
		x.versions = append(x.versions, version{name: name})
	}
	return &x.versions[at]
}

func (x *versionList) gather(s *model.Service, pods []backend, r *reporter) {
	workloads := make([]string, len(pods)) // mostly one for each version
	for i := range pods {
		b := &pods[i]
		if b.version == "" {
			continue
		}
		if err := grammar.ValidateVersion(b.version); err != nil {
			r.report(s, diag.InvalidVersion, "%s: %v", b.Workload, err)
			continue
		}
		v := x.named(b.version)
		v.pods += b.Pods
		v.ready += b.Ready
		v.released = v.released || b.released
		if v.workloads == nil {
			v.workloads = workloads[i : i : i+1]
		}
		v.workloads = append(v.workloads, b.Workload.String())
	}
}

// reportNameless reports pods without a version that no override reaches: neither released
// pods, nor those of an isolated version.
func reportNameless(g *given, found *released, pods []backend, r *reporter) {
	var nameless, candidates []string
	for i := range pods {
		if b := &pods[i]; b.version == "" && !b.released && !g.hasIsolated(b) {
			nameless = append(nameless, b.Workload.String())
			if !b.preview {
				candidates = append(candidates, b.Workload.String())
			}
		}
	}
	nameless, candidates = distinct(nameless), distinct(candidates)
	if len(nameless) == 0 {
		return
	}
	if found.missing || found.unknown && len(candidates) == 1 {
		// They get ordinary traffic, and most likely should: another diagnostic says so.
		nameless = filter(nameless, func(name string) bool { return !slices.Contains(candidates, name) })
	}
	label := g.settings.VersionLabel
	if len(nameless) > 0 {
		r.report(g.Service, diag.NoVersionLabel, "%s %s no label %q: no override reaches %s", enumerate(nameless), agree(nameless, "has", "have"), label, agree(nameless, "it", "them"))
	}
	reportOtherLabel(g.Service, label, r)
}

// hasIsolated reports whether pods are behind an isolated version of g too.
func (g *given) hasIsolated(b *backend) bool {
	return slices.ContainsFunc(g.isolated, func(iso isolated) bool { return iso.has(g.Namespace, b.Workload) })
}

// AmbiguousNames reports managed Services of one name: a member without a namespace means
// all of them. It is the only rule by which Services without anything in common matter to
// each other.
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
				"namespaces %s have a Service of this name: a member %s:VERSION means all of them", enumerate(namespaces), name).At(s.Origin))
		}
	}
	return out
}
