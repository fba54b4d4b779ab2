package compile

import (
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
}

// released says which pods get ordinary traffic, and by which rule.
type released struct {
	// why is for people: "named by overrides.mesh/released", …
	why string
	// gone is set where nothing is left of it while others serve.
	gone bool
	// missing is set where no pods, nor a template of any, are released.
	missing bool
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

// releasedRules are asked in order; the first that knows the answer decides.
// A rule returns which backends are released, and why.
var releasedRules = []func(*service) (isReleased func(*backend) bool, why string){
	namedVersions,
	namedWorkload,
	onlyWorkload,
	versionV1,
	oldestWorkload,
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
			c.warn(s, diag.HeadlessService, "it is headless: ordinary traffic reaches %s, which is not released", list(previews))
		}
		return
	}
	if len(s.Unread) > 0 && alone(s) {
		// Nothing is to be told from the rest, whatever that is.
		s.releaseAll("the only workload that is read: " + s.backends[0].Workload.String())
		return
	}
	for _, rule := range releasedRules {
		isReleased, why := rule(s)
		if isReleased == nil {
			continue
		}
		s.released.why = why
		for i := range s.backends {
			b := &s.backends[i]
			b.released = !b.preview && isReleased(b)
		}
		c.checkReleased(s)
		return
	}
	if len(s.Unread) > 0 {
		c.sayUnread(s, "which pods are released is not told by the workloads that are read alone")
	}
	c.leave(s, diag.ReleasedUnknown, "left alone: %s stand behind it, and nothing says which is released", list(append(workloads(s.backends), unread(s.Unread)...)))
}

// releaseAll takes all pods for released.
func (s *service) releaseAll(why string) {
	s.released.why = why
	for i := range s.backends {
		s.backends[i].released = true
	}
}

// onlyPreview reports whether one workload, a preview, is all that stands
// behind s, and nothing was said of what is released.
func onlyPreview(s *service) bool {
	return len(s.Unread) == 0 && s.settings.ReleasedVersions == nil && s.settings.ReleasedWorkload == nil &&
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
	pods, otherReady := 0, 0
	found := false
	for _, b := range s.backends {
		if b.released {
			found = true
			pods += b.Pods
		} else {
			otherReady += b.Ready
		}
	}
	if !found {
		// Ordinary traffic that is pinned stays so, as long as it is served: see package plan.
		s.released.gone, s.released.missing = otherReady > 0, true
		c.say(s, diag.ReleasedNotFound, "no pods are released (%s): ordinary traffic that is pinned stays where it is while pods there are ready, and else goes to all pods of the Service", s.released.why)
		return
	}
	if pods == 0 && otherReady > 0 {
		s.released.gone = true
		if s.Steered.Is() {
			return // a controller keeps it at none while there is nothing to try
		}
		c.say(s, diag.ReleasedGone, "no pod of the released version is left: ordinary traffic goes to all pods of the Service")
	}
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

func versionV1(s *service) (func(*backend) bool, string) {
	for _, b := range candidates(s) {
		if b.version == "v1" {
			return func(b *backend) bool { return b.version == "v1" }, "it is v1"
		}
	}
	return nil, ""
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
