package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// PreviewLabel marks pods that are never released.
const PreviewLabel = "overrides.mesh/preview"

// released says which rule chose the pods that get ordinary traffic, and what of them is
// there. The pods themselves are marked.
type released struct {
	// why is for people: "named by overrides.mesh/released", …
	why string
	// unknown is set if no rule knows which pods are released.
	unknown bool
	// gone is set if the released workloads have no pods left, while others serve.
	gone bool
	// missing is set if no pods are released, and no template of any.
	missing bool
	// standIn is set if nothing remembered is left, and a workload that was overridable
	// takes its place.
	standIn bool
	// byVersion is set if pods that are not remembered are released too, since their
	// version is.
	byVersion bool
	// awaited is set if nothing but previews is left, which ordinary traffic must not
	// reach, of a Service whose released pods are named or remembered.
	awaited bool
	// memory is what counts as remembered; nil for nothing.
	memory *model.Remembered
	// heads are the released workloads to remember; nil if there is nothing to override.
	heads []model.Running
}

// pinStays reports whether a Service keeps its pin although all its pods are released:
// without it, what is remembered would be forgotten.
func (f *released) pinStays() bool { return f.standIn || f.byVersion }

// releasing finds out which pods of one Service are released.
type releasing struct {
	*given
	// pods are the copy of the backends that is marked.
	pods []backend
	// memory is what counts as remembered; nil for nothing.
	memory *model.Remembered
	// chosen tells the pods of the workload that the rule chose; nil for a rule that
	// chooses versions.
	chosen func(*backend) bool
	found  released
}

// releasedRule tells released pods from others, and says why; nil if it does not know.
type releasedRule func(*releasing) (isReleased func(*backend) bool, why string)

// releasedRules are asked in order; the first that knows the answer decides.
var releasedRules = []struct {
	ask releasedRule
	// ofWorkload is set if the answer is a workload, byItself if nobody named it.
	ofWorkload, byItself bool
	// standIn is set if the answer takes the place of what is remembered.
	standIn bool
}{
	{ask: namedVersions},
	{ask: namedWorkload, ofWorkload: true},
	{ask: rememberedPods, ofWorkload: true, byItself: true},
	{ask: standIn, ofWorkload: true, byItself: true, standIn: true},
	{ask: onlyWorkload, ofWorkload: true, byItself: true},
	{ask: versionV1, ofWorkload: true, byItself: true},
	{ask: oldestWorkload, ofWorkload: true, byItself: true},
}

// readBackends returns the pods behind a Service with what their labels say.
func readBackends(backends []model.Backend, versionLabel string) []backend {
	out := make([]backend, len(backends))
	for i := range backends {
		b := &backends[i]
		out[i] = backend{Backend: b, version: b.Labels[versionLabel], preview: b.Labels[PreviewLabel] == "true"}
	}
	return out
}

// findReleased finds out which pods of a Service are released, and returns its backends
// marked.
func findReleased(g *given, r *reporter) (released, []backend) {
	x := releasing{given: g, pods: slices.Clone(g.backends)}
	switch {
	case len(g.backends) == 0:
		x.found.why = "no pods yet"
	case g.onlyPreview():
		// The Service is the preview's own, such as the canary Service of a progressive
		// delivery: its callers mean the preview.
		x.releaseAll("a preview alone: " + g.backends[0].Workload.String())
	case g.Headless:
		// Subsets can't tell its own pods apart; only isolated versions can be reached.
		x.releaseAll("headless")
		if previews := g.namedPreviews(); len(previews) > 0 {
			d := diag.New(diag.HeadlessService, g.Object(), "it is headless: ordinary traffic reaches %s, which %s not released", enumerate(previews), agree(previews, "is", "are")).
				WithFix("%s", g.headlessFix(previews)).At(g.Origin)
			d.Severity = diag.Warning
			r.add(d)
		}
	case len(g.Unread) > 0 && g.Remembered == nil && g.oneWorkload():
		// Nothing has to be told from the rest, whatever the rest is.
		x.releaseAll("the only workload that is read: " + g.backends[0].Workload.String())
	case x.askRules():
		x.check(r)
		if anyUnreleased(x.pods) || x.found.pinStays() {
			x.found.heads = x.heads()
		}
	default:
		x.found.unknown = true
	}
	x.found.memory = x.memory
	return x.found, x.pods
}

// askRules marks the released pods, and reports whether a rule knows them.
func (x *releasing) askRules() bool {
	x.memory = x.Remembered
	if !x.askEach() {
		return false
	}
	if x.memory == nil && !x.named() && x.isGone() {
		// Others stand in for it, as if it were remembered.
		x.memory = &model.Remembered{Released: x.heads()}
		return x.askEach()
	}
	return true
}

func (x *releasing) askEach() bool {
	for _, rule := range releasedRules {
		isReleased, why := rule.ask(x)
		if isReleased == nil {
			continue
		}
		x.found.why, x.found.standIn, x.chosen = why, rule.standIn, nil
		if rule.ofWorkload {
			x.chosen = isReleased
		}
		x.release(isReleased)
		if rule.byItself {
			x.addVersions()
		}
		return true
	}
	return false
}

// release marks the pods of a kind as released, but for previews.
func (x *releasing) release(these func(*backend) bool) {
	for i := range x.pods {
		b := &x.pods[i]
		b.released = !b.preview && these(b)
		b.ordinary = b.released
	}
}

// releaseAll marks all pods as released.
func (x *releasing) releaseAll(why string) {
	x.found.why = why
	for i := range x.pods {
		x.pods[i].released, x.pods[i].ordinary = true, true
	}
}

// isGone reports whether the released workloads have no pods and want none, while others
// that are no previews are ready.
func (x *releasing) isGone() bool {
	found, otherReady := false, false
	for i := range x.pods {
		b := &x.pods[i]
		switch {
		case b.released && x.chosen != nil && !x.chosen(b):
			otherReady = otherReady || b.Ready > 0
		case b.released && (b.Pods > 0 || b.Wanted > 0):
			return false
		case b.released:
			found = true
		case !b.preview:
			otherReady = otherReady || b.Ready > 0
		}
	}
	return found && otherReady
}

// onlyPreview reports whether one workload, a preview, is all that is behind g, and
// nothing says or remembers what is released.
func (g *given) onlyPreview() bool {
	return len(g.Unread) == 0 && g.Remembered == nil && g.settings.ReleasedVersions == nil && g.settings.ReleasedWorkload == nil &&
		!slices.ContainsFunc(g.backends, func(b backend) bool { return !b.preview || b.Workload != g.backends[0].Workload })
}

// oneWorkload reports whether one workload, no preview, is all that is read behind g, and
// nothing says what is released.
func (g *given) oneWorkload() bool {
	return g.settings.ReleasedVersions == nil && g.settings.ReleasedWorkload == nil &&
		!slices.ContainsFunc(g.backends, func(b backend) bool { return b.preview || b.Workload != g.backends[0].Workload })
}

// named reports whether the settings say what is released.
func (g *given) named() bool {
	return len(g.settings.ReleasedVersions) > 0 || g.settings.ReleasedWorkload != nil
}

// check reports released pods that are not there.
func (x *releasing) check(r *reporter) {
	found := slices.ContainsFunc(x.pods, func(b backend) bool { return b.released })
	switch {
	case x.found.standIn:
		r.report(x.Service, diag.ReleasedStandIn, "%s, and nobody names the released workload: it gets ordinary traffic until that one is back", x.found.why)
	case found && x.isGone():
		x.found.gone = true
		if x.Steered.Is() {
			return // a controller keeps it at none while there is nothing to try
		}
		r.report(x.Service, diag.ReleasedGone, "no pod of the released version is left: ordinary traffic goes to all pods of the Service%s", x.butPreviews())
	case found:
	case len(candidates(x.pods)) == 0 && (x.memory != nil || x.named()) && !x.servesUnread():
		x.found.awaited = true
		r.report(x.Service, diag.ReleasedGone, "only pods labelled as previews are left (%s): ordinary traffic, which they do not get, fails until %s exists", x.found.why, x.awaits())
	default:
		// Ordinary traffic that is pinned stays so while its pods serve: see package plan.
		x.found.gone, x.found.missing = slices.ContainsFunc(x.pods, func(b backend) bool { return b.Ready > 0 }), true
		d := diag.New(diag.ReleasedNotFound, x.Object(), "no pods are released (%s): ordinary traffic stays pinned while pods of the pin are ready; otherwise it goes to all pods of the Service%s", x.found.why, x.butPreviews()).At(x.Origin)
		r.add(adviseRelease(d, &x.settings, x.pods))
	}
}

// awaits names the workload or versions that are released and not there.
func (x *releasing) awaits() string {
	switch {
	case x.settings.ReleasedWorkload != nil && len(x.settings.ReleasedVersions) == 0:
		return strings.TrimPrefix(x.settings.ReleasedWorkload.String(), "/")
	case x.named():
		return strings.Join(x.settings.ReleasedVersions, " or ")
	}
	return enumerateRunning(x.memory.Released)
}

// butPreviews says that ordinary traffic does not reach previews, if there are any.
func (x *releasing) butPreviews() string {
	if n := len(candidates(x.pods)); n > 0 && n < len(x.pods) {
		return " that are not labelled as previews"
	}
	return ""
}

func namedVersions(x *releasing) (func(*backend) bool, string) {
	names := x.settings.ReleasedVersions
	if len(names) == 0 {
		return nil, ""
	}
	return func(b *backend) bool { return slices.Contains(names, b.version) }, "named: " + strings.Join(names, ", ")
}

func namedWorkload(x *releasing) (func(*backend) bool, string) {
	named := x.settings.ReleasedWorkload
	if named == nil {
		return nil, ""
	}
	return func(b *backend) bool {
		return b.Workload.Name == named.Name && (named.Kind == "" || b.Workload.Kind == named.Kind)
	}, "named: " + strings.TrimPrefix(named.String(), "/")
}

func onlyWorkload(x *releasing) (func(*backend) bool, string) {
	if len(x.Unread) > 0 {
		return nil, "" // it may not be the only one
	}
	candidates := candidates(x.pods)
	if len(candidates) == 0 {
		return func(*backend) bool { return false }, "all pods are previews"
	}
	only := candidates[0].Workload
	if slices.ContainsFunc(candidates, func(b *backend) bool { return b.Workload != only }) {
		return nil, ""
	}
	why := "the only workload: "
	if len(candidates) < len(x.pods) {
		why = "the only workload besides previews: "
	}
	return func(b *backend) bool { return b.Workload == only }, why + only.String()
}

// versionV1 chooses the workload that runs v1, with all versions that it runs, so that a
// rolling update of it is still one workload; of several, the one that was there first.
func versionV1(x *releasing) (func(*backend) bool, string) {
	running := filter(candidates(x.pods), func(b *backend) bool { return b.version == "v1" })
	if len(running) == 0 {
		return nil, ""
	}
	first := slices.MinFunc(running, func(a, b *backend) int {
		return cmp.Or(a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
	}).Workload
	return func(b *backend) bool { return b.Workload == first }, "it is v1"
}

// oldestWorkload knows the answer if all ages are known and one workload is older than
// every other.
func oldestWorkload(x *releasing) (func(*backend) bool, string) {
	if len(x.Unread) > 0 {
		return nil, "" // something else may have been there first
	}
	var oldest *backend
	unique := false
	for _, b := range candidates(x.pods) {
		switch {
		case b.Created.IsZero():
			return nil, ""
		case oldest == nil || b.Created.Before(oldest.Created):
			oldest, unique = b, true
		case b.Workload != oldest.Workload && b.Created.Equal(oldest.Created):
			unique = false
		}
	}
	if oldest == nil || !unique {
		return nil, ""
	}
	first := oldest.Workload
	return func(b *backend) bool { return b.Workload == first }, "there first: " + first.String()
}

// candidates are the backends that may be released.
func candidates(pods []backend) []*backend {
	out := make([]*backend, 0, len(pods))
	for i := range pods {
		if b := &pods[i]; !b.preview {
			out = append(out, b)
		}
	}
	return out
}

// anyUnreleased reports whether pods, or templates of pods, are not released.
func anyUnreleased(pods []backend) bool {
	return slices.ContainsFunc(pods, func(b backend) bool { return !b.released })
}
