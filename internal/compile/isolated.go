package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// isolated is a version that is behind a Service of its own.
type isolated struct {
	// service is that Service, and host its host.
	service     *model.Service
	host        string
	version     string
	pods, ready int
	workloads   []string
}

// has reports whether pods behind a Service of a namespace are behind the isolated version
// too. Workloads of other namespaces may have the same name.
func (iso *isolated) has(namespace string, w model.Workload) bool {
	return iso.service.Namespace == namespace && iso.service.HasWorkload(w)
}

// findIsolated gives each Service its isolated versions: first those of its own namespace,
// which win over others of the same name.
func findIsolated(ix *index, all *services, r *reporter) {
	refused := map[*service][]string{}
	for _, own := range []bool{true, false} {
		for _, s := range all.list {
			if s.VersionOf == "" || (s.VersionOfIn == "") != own || s.optedOut() {
				continue
			}
			namespace, name := s.Base()
			base := all.byHost[ix.options.FQDN(name, namespace)]
			if problem := baseProblem(s, base); problem != nil {
				r.add(*problem)
			} else if problem := refusal(ix, &s.given, &base.given); problem != nil {
				r.add(*problem)
				refused[base] = append(refused[base], s.Namespace)
			} else if problem := hidden(ix, &s.given, &base.given); problem != nil {
				r.add(*problem)
			} else if iso, problem := readIsolated(&s.given, &base.given); problem != nil {
				r.add(*problem)
			} else {
				base.isolated = append(base.isolated, iso)
			}
		}
	}
	reportRefused(refused, r)
}

// baseProblem returns the diagnostic that says why s can't be a version of base, which is
// nil if it is not there; nil if it can.
func baseProblem(s, base *service) *diag.Diagnostic {
	namespace, name := s.Base()
	d := diag.New(diag.IsolatedBaseNotFound, s.Object(), "it is annotated as a version of Service %s, but there is no such Service in namespace %s", name, namespace).At(s.Origin)
	switch {
	case base == nil:
		d = d.For(diag.Object{Kind: "Service", Namespace: namespace, Name: name})
		if s.VersionOfIn != "" {
			d = d.WithFix("correct overrides.mesh/version-of, or read the Services of namespace %s too (-n, -f; the operator reads the namespaces that it manages)", namespace)
		}
	case base == s:
		d.Message = "it is annotated as a version of itself"
		d = d.WithFix("remove overrides.mesh/version-of, or name the Service whose version it is")
	case base.VersionOf != "":
		d.Message = fmt.Sprintf("it is annotated as a version of Service %s, which is itself a version of Service %s", s.BaseText(), base.BaseText())
		of, name := base.Base()
		d = d.WithFix("set overrides.mesh/version-of to %s", nameIn(s.Namespace, &model.Service{Namespace: of, Name: name}))
	default:
		return nil
	}
	return &d
}

// readIsolated returns the version of base that s is, or the diagnostic that says why it
// can't be one.
func readIsolated(s, base *given) (isolated, *diag.Diagnostic) {
	problem := func(code diag.Code, format string, args ...any) (isolated, *diag.Diagnostic) {
		d := diag.New(code, s.Object(), format, args...).At(s.Origin)
		return isolated{}, &d
	}
	iso := isolated{service: s.Service, host: s.host, version: s.Version}
	if s.Headless || s.ExternalName != "" {
		return problem(diag.IsolatedUnreachable, "it has no cluster IP, so no route can lead to it as a version of Service %s", base.Name)
	}
	label := base.settings.VersionLabel
	for i := range s.Backends {
		b := &s.Backends[i]
		if iso.version == "" {
			iso.version = b.Labels[label]
		} else if v := b.Labels[label]; s.Version == "" && v != iso.version {
			return problem(diag.IsolatedNoVersion, "its pods have different versions: %q and %q", iso.version, v)
		}
		iso.pods += b.Pods
		iso.ready += b.Ready
		iso.workloads = append(iso.workloads, b.Workload.String())
	}
	for _, u := range s.Unread {
		if v := u.Labels[label]; s.Version == "" && v != iso.version {
			return problem(diag.IsolatedNoVersion, "it also selects %s, whose version is not known to be %q", u.Object, iso.version)
		}
	}
	if iso.version == "" {
		d := diag.New(diag.IsolatedNoVersion, s.Object(), "it is annotated as a version of Service %s, but not as which one", base.Name).At(s.Origin)
		if other := otherLabel(s.Backends, label); other != "" {
			d = d.WithFix("annotate it with overrides.mesh/version: %s, or Service %s with overrides.mesh/version-label: %s, which its pods carry",
				s.Backends[0].Labels[other], base.Name, other)
		}
		return isolated{}, &d
	}
	if taken := base.takenBy(s, iso.version); taken != "" {
		d := diag.New(diag.IsolatedNoVersion, s.Object(), "%s version %s of Service %s already", taken, iso.version, base.Name).
			WithFix("give one of the two another version, or remove it").At(s.Origin)
		return isolated{}, &d
	}
	if missing, ok := unreachablePort(base.Service, s.Service); !ok {
		return problem(diag.IsolatedUnreachable, "it has no HTTP port that corresponds to port %d of Service %s", missing, base.Name)
	}
	return iso, nil
}

// takenBy says what a version of g is already, so that s can't be it; empty for nothing. A
// Service of another namespace does not take the place of pods behind g itself.
func (g *given) takenBy(s *given, version string) string {
	if at := slices.IndexFunc(g.isolated, func(other isolated) bool { return other.version == version }); at >= 0 {
		other := g.isolated[at].service
		if other.Namespace != s.Namespace {
			return fmt.Sprintf("Service %s of namespace %s is", other.Name, other.Namespace)
		}
		return fmt.Sprintf("Service %s is", other.Name)
	}
	if s.Namespace == g.Namespace {
		return ""
	}
	at := slices.IndexFunc(g.Backends, func(b model.Backend) bool { return b.Labels[g.settings.VersionLabel] == version })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf("%s of namespace %s is", g.Backends[at].Workload, g.Namespace)
}

// unreachablePort returns an HTTP port of base that iso does not have.
func unreachablePort(base, iso *model.Service) (uint32, bool) {
	for _, p := range base.Ports {
		if p.HTTP && isolatedPort(iso, base, p) == 0 {
			return p.Number, false
		}
	}
	return 0, true
}

// isolatedPort returns the port of iso for port p of base: the one of the same number,
// else the one of the same name, else the only one where base has only one as well; 0 for
// none.
func isolatedPort(iso, base *model.Service, p model.Port) uint32 {
	for _, same := range []func(model.Port) bool{
		func(q model.Port) bool { return q.Number == p.Number },
		func(q model.Port) bool { return q.Name == p.Name && p.Name != "" },
		func(model.Port) bool { return len(iso.Ports) == 1 && len(base.Ports) == 1 },
	} {
		if at := slices.IndexFunc(iso.Ports, func(q model.Port) bool { return q.HTTP && same(q) }); at >= 0 {
			return iso.Ports[at].Number
		}
	}
	return 0
}
