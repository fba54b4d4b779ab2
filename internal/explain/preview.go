package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// optedOutFix is the advice for a preview's Service that asks to be left alone.
const optedOutFix = "remove overrides.mesh/managed: \"false\" from Service %s"

// faultOf returns the diagnostic that says why a Service can't be used: the first one with
// one of these codes.
func (x *index) faultOf(object diag.Object, codes ...diag.Code) *diag.Diagnostic {
	for i := range x.result.Diagnostics {
		if d := &x.result.Diagnostics[i]; d.Object == object && slices.Contains(codes, d.Code) {
			return d
		}
	}
	return nil
}

// leftAlone notes that e is left alone, with the fix that the diagnostic about it gives.
func (x *index) leftAlone(e *entry) Note {
	n := note(diag.Warning, "Service %s.%s is left alone (%s), so no request can ask for a version of it", e.Name, e.Namespace, e.report.Reason)
	n.Fix = e.report.Reason.Entry().Fix
	if d := x.faultOf(e.Object(), e.report.Reason); d != nil {
		n.Fix = d.Fix
	}
	return n
}

// isVersion notes that e is a version of another Service, which a member must name
// instead, or that it can't be one.
func (x *index) isVersion(e *entry) Note {
	if d := x.faultOf(e.Object(), diag.IsolatedBaseNotFound, diag.PreviewNotPermitted); d != nil {
		n := note(diag.Warning, "Service %s.%s: %s", e.Name, e.Namespace, d.Message)
		n.Fix = d.Fix
		return n
	}
	n := note(diag.Warning, "Service %s is a version of Service %s", e.Name, e.BaseText())
	n.Fix = fmt.Sprintf("write %s:VERSION", e.BaseText())
	return n
}

// noReadyPod notes that a version of e has no ready pod, and, if the version has a
// Service of its own, why that selects none.
func (x *index) noReadyPod(e *entry, version, isolated string) Note {
	n := note(diag.Warning, "version %s of %s.%s has no ready pod, so there is no route to it", version, e.Name, e.Namespace)
	if s := x.isolated(e, isolated); s != nil {
		if d := x.faultOf(s.Object(), diag.SelectsNothing); d != nil {
			n.Message, n.Fix = fmt.Sprintf("%s; Service %s: %s", n.Message, s.Name, d.Message), d.Fix
		}
	}
	return n
}

// preview returns why a Service that is most likely meant to be a version of e is not
// used as one, and the fix. found is false if there is no such Service.
func (x *index) preview(e *entry, version string) (why, fix string, found bool) {
	s := x.previewService(e, version)
	if s == nil {
		return "", "", false
	}
	name := s.Name
	if s.Namespace != e.Namespace {
		name += " of namespace " + s.Namespace
	}
	d := x.faultOf(s.Object(), diag.IsolatedUnreachable, diag.IsolatedNoVersion, diag.IsolatedBaseNotFound, diag.IsolatedSelectsReleased, diag.PreviewNotPermitted)
	if d == nil {
		d = x.faultOf(s.Object(), diag.InvalidAnnotation)
	}
	switch {
	case d != nil:
		return fmt.Sprintf("Service %s is not used for it: %s", name, d.Message), d.Fix, true
	case s.report.Reason == diag.OptedOut:
		return fmt.Sprintf("Service %s is left alone: %s", s.Name, s.report.Why), fmt.Sprintf(optedOutFix, s.Name), true
	case s.VersionOf != "":
		return "", "", false
	}
	return fmt.Sprintf("Service %s has no annotation overrides.mesh/version-of", s.Name),
		fmt.Sprintf("if it is that version, annotate Service %s with overrides.mesh/version-of: %s and overrides.mesh/version: %s", s.Name, e.Name, version), true
}

// previewService returns the Service that is most likely meant to be a version of e and
// is not used as one, judged by its annotations and its name.
func (x *index) previewService(e *entry, version string) *entry {
	var best *entry
	most := 0
	for i := range x.snapshot.Services {
		s := x.services[[2]string{x.snapshot.Services[i].Namespace, x.snapshot.Services[i].Name}]
		if s == e || s.report == nil || x.isUsed(e, s) {
			continue
		}
		points := s.likeness(e, version)
		if s.Namespace != e.Namespace && !s.IsVersionOf(e.Service) {
			points = x.misplaced(e, s, version)
		}
		if points > most {
			best, most = s, points
		}
	}
	return best
}

// isolated returns the Service that a version of e is behind, by its name as in the namespace
// of e; nil for none.
func (x *index) isolated(e *entry, name string) *entry {
	name, namespace, elsewhere := strings.Cut(name, ".")
	if !elsewhere {
		namespace = e.Namespace
	}
	return x.services[[2]string{namespace, name}]
}

// isUsed reports whether a version of e is behind Service s.
func (x *index) isUsed(e, s *entry) bool {
	for i := range e.report.Versions {
		if x.isolated(e, e.report.Versions[i].Isolated) == s {
			return true
		}
	}
	return false
}

// likeness scores how likely it is that s is meant to be a version of base; 0 means that
// it is not.
func (s *entry) likeness(base *entry, version string) int {
	named := hasWords(s.Name, base.Name) && hasWords(s.Name, version)
	carried := slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
		return b.Labels[base.report.Settings.VersionLabel] == version
	})
	same := s.Version == version || s.Version == "" && carried
	switch {
	case s.VersionOfIn != "" && !s.IsVersionOf(base.Service):
		return 0
	case s.VersionOf == base.Name && same:
		return 4
	case s.VersionOf == base.Name && s.Version == "":
		return 3
	case s.VersionOf != "" && same && Nearest(s.VersionOf, []string{base.Name}) != "":
		return 2
	case named && (s.VersionOf == "" || same):
		return 1
	}
	return 0
}

// misplaced scores a Service of another namespace: 1 if it is annotated as the version of a
// Service of the name of base, and its own namespace has none.
func (x *index) misplaced(base, s *entry, version string) int {
	if s.VersionOf != base.Name || s.likeness(base, version) == 0 || x.services[[2]string{s.Namespace, s.VersionOf}] != nil {
		return 0
	}
	return 1
}

// hasWords reports whether name contains words between dashes: "reviews-pr-118" has
// "pr-118".
func hasWords(name, words string) bool {
	return strings.Contains("-"+name+"-", "-"+words+"-")
}
