package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

// While there is something to override, the objects of Overrides remember the released
// workload. Where nobody names one, it stays released: no workload becomes so by its age
// or its version, by being the last one left, or because the released one was recreated.
//
//	remembered workload   others that are no previews   ordinary traffic goes to
//	--------------------  ----------------------------  ----------------------------------
//	is there                                            it
//	is not there          are there                     one of them, the stand-in
//	is not there          are not there                 nothing: previews do not get it
//
// Workloads are remembered by name and not by version: a preview may have been of the
// version that was released, and go on to the next. A workload or version that somebody
// names takes precedence.

// rememberedPods knows the answer if a remembered workload has pods or wants some.
func rememberedPods(x *releasing) (func(*backend) bool, string) {
	if x.memory == nil {
		return nil, ""
	}
	found, there, others := false, false, false
	for _, b := range candidates(x.pods) {
		if x.wasReleased(b) {
			found = true
			there = there || b.Pods > 0 || b.Wanted > 0
		} else {
			others = others || b.Ready > 0 || x.stoodIn(b)
		}
	}
	if !found || !there && others {
		return nil, ""
	}
	return x.wasReleased, x.whyStill()
}

// wasReleased reports whether pods are of a remembered workload.
func (x *releasing) wasReleased(b *backend) bool {
	return model.Has(x.memory.Released, b.Workload, b.version)
}

// whyStill says why the remembered workload is released: in the words of the rule that
// would choose the same pods without the memory, if there is one.
func (x *releasing) whyStill() string {
	for _, rule := range []releasedRule{onlyWorkload, versionV1, oldestWorkload} {
		isReleased, why := rule(x)
		if isReleased == nil {
			continue
		}
		if !slices.ContainsFunc(candidates(x.pods), func(b *backend) bool { return isReleased(b) != x.wasReleased(b) }) {
			return why
		}
		break
	}
	return "released before: " + enumerateRunning(x.memory.Released)
}

// addVersions releases all pods of the versions that the released workload runs, if
// nothing but their versions tells its pods from others: two workloads of one version are
// one pin.
func (x *releasing) addVersions() {
	_, bySelector := bySelector(x.pods)
	_, byLabels := byOwnLabels(x.given, x.pods)
	if bySelector || byLabels || !anyUnreleased(x.pods) {
		return
	}
	var versions []string
	for _, b := range x.pods {
		if b.version != "" && b.released {
			versions = append(versions, b.version)
		}
	}
	x.release(func(b *backend) bool { return b.released || slices.Contains(versions, b.version) })
	x.found.byVersion = x.Remembered != nil && slices.ContainsFunc(candidates(x.pods), func(b *backend) bool { return b.released && !x.chosen(b) })
}

// standIn chooses a workload that gets ordinary traffic if no remembered one is left.
func standIn(x *releasing) (func(*backend) bool, string) {
	if x.memory == nil || len(x.Unread) > 0 {
		return nil, ""
	}
	left := filter(candidates(x.pods), func(b *backend) bool { return !x.wasReleased(b) })
	if len(left) == 0 {
		return nil, ""
	}
	first := slices.MinFunc(left, x.compareStandIns).Workload
	return func(b *backend) bool { return b.Workload == first },
		fmt.Sprintf("%s stands in, since nothing is left of %s", first, enumerateRunning(x.memory.Released))
}

// compareStandIns orders pods by how well they stand in for the remembered workload: first
// those that have done so before, then those that are ready, are of the same version, are
// v1, and belong to the workload that was there first.
func (x *releasing) compareStandIns(a, b *backend) int {
	for _, better := range []func(*backend) bool{
		x.stoodIn,
		func(b *backend) bool { return b.Ready > 0 },
		func(b *backend) bool {
			return b.version != "" && slices.ContainsFunc(x.memory.Released, func(r model.Running) bool { return r.Version == b.version })
		},
		func(b *backend) bool { return b.version == "v1" },
	} {
		if c := compareBool(better(a), better(b)); c != 0 {
			return c
		}
	}
	return cmp.Or(a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
}

// stoodIn reports whether pods are of a workload that has stood in before, and that has
// pods still, or wants some.
func (x *releasing) stoodIn(b *backend) bool {
	return model.Has(x.memory.StandIn, b.Workload, b.version) && (b.Pods > 0 || b.Wanted > 0)
}

func compareWorkloads(a, b model.Workload) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// compareBool orders true before false.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// heads lists the workloads to remember, with their versions: those that are remembered
// already or were chosen by name; else, of several that run one version, the one that was
// there first.
func (x *releasing) heads() []model.Running {
	var heads []model.Workload
	released := filter(candidates(x.pods), func(b *backend) bool { return b.released })
	slices.SortStableFunc(released, func(a, b *backend) int {
		return cmp.Or(compareBool(x.isHead(a), x.isHead(b)), a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
	})
	covered := map[string]bool{}
	var out []model.Running
	for _, b := range released {
		isHead := x.isHead(b) || slices.Contains(heads, b.Workload)
		if !isHead && covered[b.version] {
			continue
		}
		covered[b.version], heads = true, append(heads, b.Workload)
		out = append(out, model.Running{Workload: b.Workload, Version: b.version})
	}
	return out
}

// isHead reports whether pods are of a workload that is remembered, or that a rule has
// chosen by itself.
func (x *releasing) isHead(b *backend) bool {
	switch {
	case x.settings.ReleasedWorkload != nil && len(x.settings.ReleasedVersions) == 0:
		return true
	case x.memory == nil:
		return x.chosen != nil && x.chosen(b)
	case x.found.standIn:
		return x.chosen(b)
	}
	return x.wasReleased(b)
}

// remember returns the text by which the objects of s remember the released workloads; empty
// if there is nothing to override.
func (s *service) remember() string {
	if s.skipped != nil || !s.pin.needed {
		return ""
	}
	var out model.Remembered
	if s.released.memory != nil {
		out = *s.released.memory
	}
	switch {
	case s.released.missing || s.released.awaited:
	case s.released.standIn:
		out.StandIn = s.released.heads
	default:
		out = model.Remembered{Released: s.released.heads}
		if parts := s.pin.parts; len(parts) == 1 && parts[0].version == "" {
			out.Pinned = parts[0].labels
		}
	}
	return out.String()
}

// enumerateRunning lists workloads, each with its version.
func enumerateRunning(all []model.Running) string {
	names := make([]string, 0, len(all))
	for _, r := range all {
		name := r.Workload.String()
		if r.Version != "" {
			name += " (version " + r.Version + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return enumerate(slices.Compact(names))
}
