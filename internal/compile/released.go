package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// PreviewLabel marks pods that are never released.
const PreviewLabel = "overrides.mesh/preview"

// backend is one group of pods behind a Service.
type backend struct {
	*model.Backend
	// version is the value of the version label, "" for none.
	version  string
	preview  bool
	released bool
	// ordinary is set where it is to get ordinary traffic: where it is released, or, since
	// no pod is, where it is no preview.
	ordinary bool
}

// released says which pods get ordinary traffic, and by which rule.
type released struct {
	// why is for people: "named by overrides.mesh/released", …
	why string
	// gone is set where nothing is left of it while others serve.
	gone bool
	// missing is set where no pods, nor a template of any, are released.
	missing bool
	// standIn is set where nothing is left of what is remembered, and others that were
	// overridable take its place.
	standIn bool
	// joined is set where others are released with what is remembered, for their version.
	joined bool
	// awaited is set where nothing is left of what is named or remembered but previews,
	// which ordinary traffic must not reach.
	awaited bool
}

func (c *compiler) readBackends(s *service) {
	s.backends = make([]backend, len(s.Backends))
	for i := range s.Backends {
		b := &s.Backends[i]
		s.backends[i] = backend{
			Backend: b,
			version: b.Labels[s.settings.VersionLabel],
			preview: b.Labels[PreviewLabel] == "true",
		}
	}
}

// releasedRule returns which backends are released, and why; nil if it does not know.
type releasedRule func(*service) (isReleased func(*backend) bool, why string)

// releasedRules are asked in order; the first that knows the answer decides.
var releasedRules = []struct {
	ask releasedRule
	// ofWorkload is set where the answer is a workload, byRule where nobody has named it.
	ofWorkload, byRule bool
}{
	{ask: namedVersions},
	{ask: namedWorkload, ofWorkload: true},
	{ask: rememberedPods, ofWorkload: true, byRule: true},
	{ask: standIn, ofWorkload: true, byRule: true},
	{ask: onlyWorkload, ofWorkload: true, byRule: true},
	{ask: versionV1, ofWorkload: true, byRule: true},
	{ask: oldestWorkload, ofWorkload: true, byRule: true},
}

func (c *compiler) findReleased(s *service) {
	if len(s.backends) == 0 {
		s.released.why = "no pods yet"
		return
	}
	if onlyPreview(s) {
		// The Service is the preview's own, such as the canary Service of a
		// progressive delivery: whoever calls it means it.
		s.releaseAll("a preview alone: " + s.backends[0].Workload.String())
		return
	}
	if s.Headless {
		// Its own pods can't be told apart by subsets; only isolated versions can be reached.
		s.releaseAll("headless")
		if previews := saidPreviews(s); len(previews) > 0 {
			c.warn(s, diag.HeadlessService, "it is headless: ordinary traffic reaches %s, which %s not released", list(previews), agree(previews, "is", "are"))
		}
		return
	}
	if len(s.Unread) > 0 && s.Remembered == nil && alone(s) {
		// Nothing is to be told from the rest, whatever that is.
		s.releaseAll("the only workload that is read: " + s.backends[0].Workload.String())
		return
	}
	if s.askRules() {
		c.checkReleased(s)
		return
	}
	if others := s.rolloutOthers(); len(others) > 0 {
		d := s.leave(diag.RolloutService, "%s adds a hash to its selector, after which %s %s not behind it any more", s.Steered, list(others), agree(others, "is", "are"))
		if d.Severity > diag.Info || !c.saysDropped(s) {
			c.add(d)
		}
		return
	}
	c.add(s.advise(s.leave(diag.ReleasedUnknown, "%s stand behind it, and nothing says which is released", list(append(workloads(s.backends), unread(s.Unread)...)))))
}

// askRules finds out which pods are released, and reports whether a rule knows it.
func (s *service) askRules() bool {
	s.memory = s.Remembered
	if !s.askEach() {
		return false
	}
	if s.memory == nil && !s.named() && s.isGone() {
		// Others stand in for it, as they would were it remembered.
		s.memory = &model.Remembered{Released: s.heads()}
		return s.askEach()
	}
	return true
}

func (s *service) askEach() bool {
	for _, rule := range releasedRules {
		isReleased, why := rule.ask(s)
		if isReleased == nil {
			continue
		}
		s.released.why, s.chosen = why, nil
		if rule.ofWorkload {
			s.chosen = isReleased
		}
		s.release(isReleased)
		if rule.byRule {
			s.addVersions()
		}
		return true
	}
	return false
}

// release takes pods for released that are no previews.
func (s *service) release(these func(*backend) bool) {
	for i := range s.backends {
		b := &s.backends[i]
		b.released = !b.preview && these(b)
		b.ordinary = b.released
	}
}

// isGone reports whether what is released has no pods, nor wants any, while others that
// are no previews are ready.
func (s *service) isGone() bool {
	found, otherReady := false, false
	for i := range s.backends {
		b := &s.backends[i]
		switch {
		case b.released && s.chosen != nil && !s.chosen(b):
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

// releaseAll takes all pods for released.
func (s *service) releaseAll(why string) {
	s.released.why = why
	for i := range s.backends {
		s.backends[i].released, s.backends[i].ordinary = true, true
	}
}

// onlyPreview reports whether one workload, a preview, is all that stands
// behind s, and nothing was said of what is released, nor is remembered.
func onlyPreview(s *service) bool {
	return len(s.Unread) == 0 && s.Remembered == nil && s.settings.ReleasedVersions == nil && s.settings.ReleasedWorkload == nil &&
		!slices.ContainsFunc(s.backends, func(b backend) bool { return !b.preview || b.Workload != s.backends[0].Workload })
}

// alone reports whether all that is read behind s is one workload, no preview, and
// nothing was said of what is released.
func alone(s *service) bool {
	return s.settings.ReleasedVersions == nil && s.settings.ReleasedWorkload == nil &&
		!slices.ContainsFunc(s.backends, func(b backend) bool { return b.preview || b.Workload != s.backends[0].Workload })
}

// checkReleased says when the released version is not there.
func (c *compiler) checkReleased(s *service) {
	found := slices.ContainsFunc(s.backends, func(b backend) bool { return b.released })
	switch {
	case s.released.standIn:
		c.say(s, diag.ReleasedStandIn, "%s, and nobody names what is released: it gets ordinary traffic until that is back", s.released.why)
	case found && s.isGone():
		s.released.gone = true
		if s.Steered.Is() {
			return // a controller keeps it at none while there is nothing to try
		}
		c.say(s, diag.ReleasedGone, "no pod of the released version is left: ordinary traffic goes to all pods of the Service%s", s.butPreviews())
	case found:
	case len(candidates(s)) == 0 && (s.memory != nil || s.named()):
		s.released.awaited = true
		c.say(s, diag.ReleasedGone, "nothing but pods labelled as previews is left (%s): they get no ordinary traffic, which fails until %s is there", s.released.why, s.whatIsAwaited())
	default:
		// Ordinary traffic that is pinned stays so, as long as it is served: see package plan.
		s.released.gone, s.released.missing = slices.ContainsFunc(s.backends, func(b backend) bool { return b.Ready > 0 }), true
		c.add(s.advise(diag.New(diag.ReleasedNotFound, s.Object(), "no pods are released (%s): ordinary traffic that is pinned stays where it is while pods there are ready, and else goes to all pods of the Service%s", s.released.why, s.butPreviews()).At(s.Origin)))
	}
}

// named reports whether somebody says what is released.
func (s *service) named() bool {
	return len(s.settings.ReleasedVersions) > 0 || s.settings.ReleasedWorkload != nil
}

// whatIsAwaited names what is released and not there.
func (s *service) whatIsAwaited() string {
	switch {
	case s.settings.ReleasedWorkload != nil && len(s.settings.ReleasedVersions) == 0:
		return strings.TrimPrefix(s.settings.ReleasedWorkload.String(), "/")
	case s.named():
		return strings.Join(s.settings.ReleasedVersions, " or ")
	}
	return listRunning(s.memory.Released)
}

// butPreviews says that some pods of s are left out, where it has such.
func (s *service) butPreviews() string {
	if len(candidates(s)) < len(s.backends) {
		return " that are not labelled as previews"
	}
	return ""
}

func namedVersions(s *service) (func(*backend) bool, string) {
	names := s.settings.ReleasedVersions
	if len(names) == 0 {
		return nil, ""
	}
	return func(b *backend) bool { return slices.Contains(names, b.version) }, "named: " + strings.Join(names, ", ")
}

func namedWorkload(s *service) (func(*backend) bool, string) {
	named := s.settings.ReleasedWorkload
	if named == nil {
		return nil, ""
	}
	return func(b *backend) bool {
		return b.Workload.Name == named.Name && (named.Kind == "" || b.Workload.Kind == named.Kind)
	}, "named: " + strings.TrimPrefix(named.String(), "/")
}

func onlyWorkload(s *service) (func(*backend) bool, string) {
	if len(s.Unread) > 0 {
		return nil, "" // it may not be the only one
	}
	candidates := candidates(s)
	if len(candidates) == 0 {
		return func(*backend) bool { return false }, "all pods are previews"
	}
	only := candidates[0].Workload
	if slices.ContainsFunc(candidates, func(b *backend) bool { return b.Workload != only }) {
		return nil, ""
	}
	return func(b *backend) bool { return b.Workload == only }, "the only workload: " + only.String()
}

// versionV1 chooses the workload that runs v1, with all it runs, so that a rolling update
// of it is still one; of several the one that was there first.
func versionV1(s *service) (func(*backend) bool, string) {
	of := keep(candidates(s), func(b *backend) bool { return b.version == "v1" })
	if len(of) == 0 {
		return nil, ""
	}
	first := slices.MinFunc(of, func(a, b *backend) int {
		return cmp.Or(a.Created.Compare(b.Created), compareWorkloads(a.Workload, b.Workload))
	}).Workload
	return func(b *backend) bool { return b.Workload == first }, "it is v1"
}

// oldestWorkload knows the answer where all ages are known and one workload is
// older than every other.
func oldestWorkload(s *service) (func(*backend) bool, string) {
	if len(s.Unread) > 0 {
		return nil, "" // something else may have been there first
	}
	var oldest *backend
	unique := false
	for _, b := range candidates(s) {
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
func candidates(s *service) []*backend {
	out := make([]*backend, 0, len(s.backends))
	for i := range s.backends {
		if b := &s.backends[i]; !b.preview {
			out = append(out, b)
		}
	}
	return out
}

func workloads(backends []backend) []string {
	var out []string
	for _, b := range backends {
		if !b.preview {
			out = append(out, b.Workload.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// list joins names as in "a, b and c", and cuts long lists.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// agree returns the word that goes with names: one for a single name, else many.
func agree(names []string, one, many string) string {
	if len(names) == 1 {
		return one
	}
	return many
}
