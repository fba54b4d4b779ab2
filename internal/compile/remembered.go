package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

// While there is something to override, the workload that is released stands on our own
// objects, and where nobody names one, it stays released: none becomes so by its age or
// its version, by being the last one left, or since the released one was made anew.
//
//	of what is remembered   others that are no previews   ordinary traffic goes to
//	----------------------  ----------------------------  ----------------------------------
//	is there                                              it
//	is not there            are there                     one of them, the stand-in
//	is not there            are not there                 nothing: previews do not get it
//
// It is remembered by name and not by version: a preview may have been of the version
// that was released, and go on to the next. A name that somebody gives takes its place.

// rememberedPods knows the answer where pods are there of what is remembered, or are to
// be.
func rememberedPods(s *service) (func(*backend) bool, string) {
	if s.memory == nil {
		return nil, ""
	}
	found, there, others := false, false, false
	for _, b := range candidates(s) {
		if s.wasReleased(b) {
			found = true
			there = there || b.Pods > 0 || b.Wanted > 0
		} else {
			others = others || b.Ready > 0 || s.stoodIn(b)
		}
	}
	if !found || !there && others {
		return nil, ""
	}
	return s.wasReleased, s.whyStill()
}

// wasReleased reports whether pods are among what is remembered.
func (s *service) wasReleased(b *backend) bool {
	return model.Has(s.memory.Released, b.Workload, b.version)
}

// whyStill says why what is remembered is released: as the rules do that would say the
// same without it.
func (s *service) whyStill() string {
	for _, rule := range []releasedRule{onlyWorkload, versionV1, oldestWorkload} {
		isReleased, why := rule(s)
		if isReleased == nil {
			continue
		}
		if !slices.ContainsFunc(candidates(s), func(b *backend) bool { return isReleased(b) != s.wasReleased(b) }) {
			return why
		}
		break
	}
	return "released before: " + listRunning(s.memory.Released)
}

// addVersions releases the pods of all workloads that run a version of a workload which is
// released, if nothing but their versions tells these from others: two workloads of one
// version are one pin.
func (s *service) addVersions() {
	_, bySelector := bySelector(s)
	_, byLabels := byOwnLabels(s)
	if bySelector || byLabels || !s.hasOthers() {
		return
	}
	var versions []string
	for _, b := range s.backends {
		if b.version != "" && b.released {
			versions = append(versions, b.version)
		}
	}
	s.release(func(b *backend) bool { return b.released || slices.Contains(versions, b.version) })
	s.released.joined = s.Remembered != nil && slices.ContainsFunc(candidates(s), func(b *backend) bool { return b.released && !s.chosen(b) })
}

// standIn chooses a workload that gets ordinary traffic where nothing is left of what is
// remembered.
func standIn(s *service) (func(*backend) bool, string) {
	if s.memory == nil || len(s.Unread) > 0 {
		return nil, ""
	}
	left := keep(candidates(s), func(b *backend) bool { return !s.wasReleased(b) })
	if len(left) == 0 {
		return nil, ""
	}
	s.released.standIn = true
	first := slices.MinFunc(left, s.compareStandIns).Workload
	stands := func(b *backend) bool { return b.Workload == first }
	return stands, fmt.Sprintf("%s stands in, since nothing is left of %s", first, listRunning(s.memory.Released))
}

// compareStandIns orders pods by how well they stand in for what is remembered: first what
// has done so before, then what is ready, what is of the same version, v1, and the
// workload that was there first.
func (s *service) compareStandIns(a, b *backend) int {
	for _, so := range []func(*backend) bool{
		s.stoodIn,
		func(b *backend) bool { return b.Ready > 0 },
		func(b *backend) bool {
			return b.version != "" && slices.ContainsFunc(s.memory.Released, func(r model.Running) bool { return r.Version == b.version })
		},
		func(b *backend) bool { return b.version == "v1" },
	} {
		if c := compareBool(so(a), so(b)); c != 0 {
			return c
		}
	}
	return cmp.Or(a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
}

// stoodIn reports whether pods are of what has stood in before, and has pods still, or
// wants some.
func (s *service) stoodIn(b *backend) bool {
	return model.Has(s.memory.StandIn, b.Workload, b.version) && (b.Pods > 0 || b.Wanted > 0)
}

func compareWorkloads(a, b model.Workload) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// compareBool orders what is so before what is not.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// remember returns the text of what is to be remembered of s: nothing where there is
// nothing to override.
func (s *service) remember() string {
	if s.leftAlone || !s.pin.needed {
		return ""
	}
	var out model.Remembered
	if s.memory != nil {
		out = *s.memory
	}
	switch {
	case s.released.missing || s.released.awaited:
	case s.released.standIn:
		out.StandIn = s.heads()
	default:
		out = model.Remembered{Released: s.heads()}
		if parts := s.pin.parts; len(parts) == 1 && parts[0].version == "" {
			out.Pinned = parts[0].labels
		}
	}
	return out.String()
}

// remember has the table of a Service say what is to be remembered of it, where no rule of
// ours can.
func (d *draft) remember() {
	if of := d.of; len(of) == 1 && len(d.table.Hosts) == 1 && of[0].rule.own == nil {
		d.table.Released = of[0].remember()
	}
}

// heads lists of the released pods those of the workloads that are to be remembered: those
// that are remembered already, or were chosen by name; else, of several that run one
// version, the one that was there first.
func (s *service) heads() []model.Running {
	var heads []model.Workload
	released := keep(candidates(s), func(b *backend) bool { return b.released })
	slices.SortStableFunc(released, func(a, b *backend) int {
		return cmp.Or(compareBool(s.isHead(a), s.isHead(b)), a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
	})
	covered := map[string]bool{}
	var out []model.Running
	for _, b := range released {
		isHead := s.isHead(b) || slices.Contains(heads, b.Workload)
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
func (s *service) isHead(b *backend) bool {
	switch {
	case s.settings.ReleasedWorkload != nil && len(s.settings.ReleasedVersions) == 0:
		return true
	case s.memory == nil:
		return s.chosen != nil && s.chosen(b)
	case s.released.standIn:
		return s.chosen(b)
	}
	return s.wasReleased(b)
}

// listRunning lists workloads, each with its version.
func listRunning(all []model.Running) string {
	names := make([]string, 0, len(all))
	for _, r := range all {
		name := r.Workload.String()
		if r.Version != "" {
			name += " (version " + r.Version + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return list(slices.Compact(names))
}
