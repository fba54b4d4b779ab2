package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportSharedVersions reports the versions of s that several workloads run.
func reportSharedVersions(s *service, r *reporter) {
	for i := range s.versions {
		// Where there is no pin, [reportClash] says so of a released version.
		if v := &s.versions[i]; !v.released || s.pin.kind() != NotPinned {
			reportShared(s.Service, v, s.pods, r)
		}
	}
}

// reportShared reports a version that several workloads run and that is not released, or
// not with all of them: the pods of all these workloads share the requests that ask for
// it. Two previews of one name look like that, and so does a worker beside a server.
//
//	the version                              the diagnostic is
//	---------------------------------------  ---------------------------------------------
//	is not released, and the released one
//	  has one workload                       a warning
//	  has several                            an info: both may consist of these parts
//	is released, but for some workloads      an info: a version was released, and its
//	                                         preview is still there
//
// While a controller moves the pods of a Service from one workload to another, nothing is
// reported.
func reportShared(s *model.Service, v *version, pods []backend, r *reporter) {
	if len(v.workloads) < 2 || v.isolated != nil || s.Steered.Is() {
		return
	}
	all := running(pods, func(b *backend) bool { return b.version == v.name })
	unreleased := running(pods, func(b *backend) bool { return b.version == v.name && !b.released && (!v.released || !b.preview) })
	if len(all) < 2 || len(unreleased) == 0 {
		return
	}
	d := diag.New(diag.VersionShared, s.Object(), "%s run version %s: a request for it reaches pods of any of them", enumerate(all), v.name).At(s.Origin)
	switch {
	case v.released:
		d = diag.New(diag.VersionShared, s.Object(), "%s run version %s, and %s %s not released: ordinary requests don't reach %s, and requests for the version reach pods of any of them",
			enumerate(all), v.name, enumerate(unreleased), agree(unreleased, "is", "are"), agree(unreleased, "it", "them")).
			WithFix("annotate the Service with overrides.mesh/released: %s if all of them are released", v.name).At(s.Origin)
		d.Severity = diag.Info
	case len(running(pods, func(b *backend) bool { return b.released })) > 1:
		d.Severity = diag.Info
	}
	r.add(d)
}

// running names the workloads that have ready pods for which a condition holds. Workloads
// that a reader takes for one, such as bare pods, or a Deployment that becomes a Rollout of
// its name, are named once.
func running(pods []backend, holds func(*backend) bool) []string {
	var seen, out []string
	for i := range pods {
		b := &pods[i]
		if b.Ready == 0 || !holds(b) {
			continue
		}
		of := b.Workload.Name
		if b.Workload.Kind == "Pod" || b.Workload.Kind == "Job" {
			of = "/" + b.Workload.Kind
		}
		if !slices.Contains(seen, of) {
			seen, out = append(seen, of), append(out, b.Workload.String())
		}
	}
	return out
}
