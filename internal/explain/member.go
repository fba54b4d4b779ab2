package explain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// CheckMembers notes the members that name a Service or a version that does not exist, or
// that no request can follow.
func CheckMembers(snapshot *model.Snapshot, result *compile.Result, members []grammar.Member) []Note {
	return newIndex(snapshot, result).checkMembers(members)
}

func (x *index) checkMembers(members []grammar.Member) []Note {
	var out []Note
	for _, m := range members {
		if n := x.checkMember(m); n != nil {
			n.Message = m.String() + ": " + n.Message
			if !slices.Contains(out, *n) {
				out = append(out, *n)
			}
		}
	}
	return out
}

// checkMember returns a note about m, nil if m can be followed at one Service at least.
func (x *index) checkMember(m grammar.Member) *Note {
	services := x.byName[m.Service]
	if m.IsSet() {
		services = x.having(m)
		if len(services) == 0 {
			return x.emptySet(m)
		}
	}
	var first *Note
	meant := false // first is about a Service with versions, and not about an alias or a version of it
	for _, e := range services {
		if m.Namespace != "" && m.Namespace != e.Namespace {
			continue
		}
		n := x.checkAt(e, m)
		if n == nil {
			return nil
		}
		if is := e.VersionOf == "" && e.ExternalName == ""; first == nil || is && !meant {
			first, meant = n, is
		}
	}
	if first != nil {
		return first
	}
	n := note(diag.Warning, "%v", x.unknown(m.Service, m.Namespace))
	if m.Strict {
		n.Message = unanswered + n.Message
	}
	return &n
}

// unanswered begins the note about a strict member that no route answers.
const unanswered = "strict has no effect, and the request goes on to the released version: "

// checkAt returns why m can't be followed at a Service, nil if it can.
func (x *index) checkAt(e *entry, m grammar.Member) *Note {
	var n Note
	at := slices.IndexFunc(e.report.Versions, func(v compile.Version) bool { return v.Name == m.Version })
	switch {
	case e.VersionOf != "":
		n = x.isVersion(e)
	case e.report.State == compile.Skipped:
		n = x.leftAlone(e)
	case at < 0:
		n = x.noSuchVersion(e, m.Version)
	case e.report.State == compile.Idle && e.report.Versions[at].Released:
		n = note(diag.Info, "it is the only version of %s.%s, and released: every request gets it", e.Name, e.Namespace)
	case e.report.Versions[at].Ready == 0:
		n = x.noReadyPod(e, m.Version, e.report.Versions[at].Isolated)
	default:
		return checkConditions(e, m)
	}
	if m.Strict && n.Severity == diag.Warning && e.report.State != compile.Managed {
		n.Message = unanswered + n.Message
		if _, _, faulty := x.preview(e, m.Version); e.report.State == compile.Idle && (at >= 0 || !faulty) {
			n.Fix = "annotate the Service with overrides.mesh/strict: Always, so that strict members are answered even if there is nothing to override"
		}
	}
	return &n
}

// noSuchVersion notes that e has no such version, and why a Service that is most likely
// meant to be that version is not used.
func (x *index) noSuchVersion(e *entry, version string) Note {
	n := x.otherVersions(e, version)
	if why, fix, found := x.preview(e, version); found {
		n.Message, n.Fix = n.Message+"; "+why, fix
	}
	return n
}

// otherVersions notes that e has no such version, and lists its versions.
func (x *index) otherVersions(e *entry, version string) Note {
	var names, shown []string
	for _, v := range e.report.Versions {
		names = append(names, v.Name)
		if v.Released {
			shown = append(shown, v.Name+" (released)")
		} else {
			shown = append(shown, v.Name)
		}
	}
	if len(shown) == 0 {
		n := note(diag.Warning, "Service %s.%s has no version %s, nor any other", e.Name, e.Namespace, version)
		n.Fix = fmt.Sprintf("label the preview's pods %s: %s, or give it a Service of its own, annotated overrides.mesh/version-of: %s and overrides.mesh/version: %s",
			e.report.Settings.VersionLabel, version, e.Name, version)
		return n
	}
	suggestion := ""
	if len(names) > fewNames {
		suggestion = DidYouMean(Nearest(version, names))
	}
	return note(diag.Warning, "Service %s.%s has no version %s; it has %s%s", e.Name, e.Namespace, version, join(shown, "and"), suggestion)
}

// checkConditions returns why the parameters of m are not understood at a Service: its
// table has rows only for the conditions in its settings.
func checkConditions(e *entry, m grammar.Member) *Note {
	for _, c := range []struct {
		condition, value string
		known            func() bool
	}{
		{"from", m.From, func() bool {
			return slices.ContainsFunc(e.report.Callers, func(c model.Caller) bool { return c.Name == m.From })
		}},
		{"method", m.Method, func() bool { return slices.Contains(e.report.Settings.Methods, m.Method) }},
	} {
		var n Note
		switch {
		case c.value == "":
			continue
		case !slices.Contains(e.report.Settings.Conditions, c.condition):
			n = note(diag.Warning, "Service %s.%s has no rows for %s=, so the member has no effect there", e.Name, e.Namespace, c.condition)
			n.Fix = "annotate the Service with overrides.mesh/conditions: " + c.condition
		case !c.known():
			n = note(diag.Warning, "Service %s.%s has no row for %s=%s, so the member has no effect there", e.Name, e.Namespace, c.condition, c.value)
			n.Fix = fmt.Sprintf("correct the name, or add it to overrides.mesh/%ss of the Service", map[string]string{"from": "caller", "method": "method"}[c.condition])
		default:
			continue
		}
		return &n
	}
	return nil
}

// unjoin returns the errors that err joins.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
