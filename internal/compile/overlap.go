package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// usableIsolated returns the isolated versions of a Service that requests can ask for. The
// pods of an isolated version should not be released pods of the Service, and its name not
// that of a released version:
//
//	of the pods behind the version's Service      the version   the diagnostic is
//	--------------------------------------------  ------------  ------------------------
//	all are released, as another version          is left out   an error
//	some are released, as another version         is used       a warning
//	some are not released, and it has the name    is left out   a warning
//	  of a released version
//
// A Service whose selector a controller changes may select released pods at times.
func usableIsolated(g *given, pods []backend, r *reporter) []isolated {
	var out []isolated
	for i := range g.isolated {
		iso := &g.isolated[i]
		if !isAmongReleased(g, iso, pods, r) && !hasReleasedName(g, iso, pods, r) {
			out = append(out, *iso)
		}
	}
	return out
}

// isAmongReleased reports whether nothing but released pods of g would answer requests for
// an isolated version. It adds a diagnostic if some do.
func isAmongReleased(g *given, iso *isolated, pods []backend, r *reporter) bool {
	var released, others []string
	for i := range iso.service.Backends {
		b := &iso.service.Backends[i]
		if at := g.releasedAs(pods, iso, b); at != nil && at.version != iso.version {
			released = append(released, b.Workload.String())
		} else {
			others = append(others, b.Workload.String())
		}
	}
	if released, others = distinct(released), distinct(others); len(released) == 0 || g.Steered.Is() || iso.service.Steered.Is() {
		return false
	}
	workloads := agree(released, "a released workload", "released workloads")
	d := diag.New(diag.IsolatedSelectsReleased, iso.service.Object(), "it selects %s, %s of Service %s: requests for version %s reach the released version too",
		enumerate(released), workloads, g.Name, iso.version)
	if len(others) == 0 {
		d = diag.New(diag.IsolatedSelectsReleased, iso.service.Object(), "it selects no pods but those of %s, %s of Service %s: the released version would answer requests for version %s, so no route leads to it",
			enumerate(released), workloads, g.Name, iso.version)
		d.Severity = diag.Error
	}
	r.add(d.At(iso.service.Origin))
	return len(others) == 0
}

// releasedAs returns the released backend of g that is the same pods as b, of an isolated
// version; nil for none. All pods of a headless Service count as released, but for those that should not be.
func (g *given) releasedAs(pods []backend, iso *isolated, b *model.Backend) *backend {
	if iso.service.Namespace != g.Namespace {
		return nil
	}
	at := slices.IndexFunc(pods, func(o backend) bool {
		return o.released && o.Workload == b.Workload && model.LabelString(o.Labels) == model.LabelString(b.Labels)
	})
	if at < 0 || g.Headless && slices.Contains(g.namedPreviews(), b.Workload.String()) {
		return nil
	}
	return &pods[at]
}

// hasReleasedName reports whether an isolated version has the name of a released version of
// g, but other pods. Requests for that name reach the released version.
func hasReleasedName(g *given, iso *isolated, pods []backend, r *reporter) bool {
	at := slices.IndexFunc(pods, func(b backend) bool { return b.released && b.version == iso.version })
	if at < 0 || g.Headless || iso.ready == 0 {
		return false
	}
	var others []string
	for i := range iso.service.Backends {
		if b := &iso.service.Backends[i]; g.releasedAs(pods, iso, b) == nil {
			others = append(others, b.Workload.String())
		}
	}
	if others = distinct(others); len(others) == 0 {
		return false
	}
	if !g.Steered.Is() && !iso.service.Steered.Is() {
		d := diag.New(diag.IsolatedNoVersion, iso.service.Object(), "version %s of Service %s is the released one (%s): requests for it reach that, and not %s",
			iso.version, g.Name, pods[at].Workload, enumerate(others)).
			WithFix("give the pods behind Service %s another version than the released one, with the annotation overrides.mesh/version", iso.service.Name)
		r.add(d.At(iso.service.Origin))
	}
	return true
}
