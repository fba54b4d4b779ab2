package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// sayShared tells of a version that several workloads run, and that is not released, or
// not with all of them: the requests that ask for it are shared by the pods of all. That
// is what two previews of one name look like, or a worker beside a server.
//
//	the version                              it is
//	---------------------------------------  ---------------------------------------------
//	is not released, and the released one
//	  has one workload                       a warning
//	  has several                            an info: the parts of both may be as many
//	is released, but for some workloads      an info: so it is when a version was released
//	                                         and its preview is still there
//
// While a controller moves the pods of a Service from one workload to another, nothing is
// said.
func (c *compiler) sayShared(s *service, v *version) {
	if len(v.workloads) < 2 || s.leftAlone || v.isolated != nil || s.Steered.Is() {
		return
	}
	all := s.running(func(b *backend) bool { return b.version == v.name })
	unreleased := s.running(func(b *backend) bool { return b.version == v.name && !b.released && (!v.released || !b.preview) })
	if len(all) < 2 || len(unreleased) == 0 {
		return
	}
	d := diag.New(diag.VersionShared, s.Object(), "version %s is run by %s: a request that asks for it reaches the pods of any of them", v.name, list(all)).At(s.Origin)
	switch {
	case v.released:
		d = diag.New(diag.VersionShared, s.Object(), "version %s is run by %s, and %s is not released: it gets no ordinary requests, and those that ask for the version reach the pods of any of them",
			v.name, list(all), list(unreleased)).
			WithFix("annotate the Service with overrides.mesh/released: %s if all of them are released", v.name).At(s.Origin)
		d.Severity = diag.Info
	case len(s.running(func(b *backend) bool { return b.released })) > 1:
		d.Severity = diag.Info
	}
	c.add(d)
}

// running names the workloads with ready pods of which a condition holds. Of those that
// are one and the same for a reader, such as bare pods, or a Deployment that becomes a
// Rollout of its name, it names one.
func (s *service) running(holds func(*backend) bool) []string {
	var seen, out []string
	for i := range s.backends {
		b := &s.backends[i]
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
