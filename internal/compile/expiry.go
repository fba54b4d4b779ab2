package compile

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// expiresKey is the annotation of a workload, or of the Service of an isolated version, that
// says when it expires.
const expiresKey = "overrides.mesh/expires"

// expireVersions returns the versions of s with the times at which they expire:
//
//	the version               expires
//	------------------------  -------------------------------------------------------------
//	is released               never
//	has a released workload   never
//	is behind s               when all of its workloads have; never if one of them does not
//	is isolated               likewise, or when its Service has, whichever is first
//
// So ordinary traffic does not depend on the time.
func expireVersions(ix *index, s *service, versions []version, r *reporter) []version {
	if !s.anyExpires(versions) {
		return versions
	}
	now := ix.now()
	for i := range versions {
		v := &versions[i]
		if v.isolated == nil && s.onlyPreview() {
			continue // callers of the Service mean this preview
		}
		v.expires = s.expiryOf(v)
		v.expired = !v.expires.IsZero() && !now.IsZero() && !now.Before(v.expires)
		if v.expired && s.skipped == nil {
			reportExpired(s, v, r)
		}
	}
	if s.skipped == nil {
		reportExpiresIgnored(s, versions, r)
	}
	return versions
}

// anyExpires reports whether anything of s has a time of expiry. Mostly nothing has.
func (s *service) anyExpires(versions []version) bool {
	found := !s.Expires.IsZero()
	note := func(b *model.Backend) { found = found || !b.Expires.IsZero() }
	for i := range s.pods {
		note(s.pods[i].Backend)
	}
	for i := range versions {
		if v := &versions[i]; v.isolated != nil {
			found = found || !v.isolated.service.Expires.IsZero()
			s.eachBackend(v, note)
		}
	}
	return found
}

// expiryOf is when v expires; zero for never.
func (s *service) expiryOf(v *version) time.Time {
	if s.keeps(v) {
		return time.Time{}
	}
	var last time.Time
	all := true
	s.eachBackend(v, func(b *model.Backend) {
		all = all && !b.Expires.IsZero()
		if b.Expires.After(last) {
			last = b.Expires
		}
	})
	if !all {
		last = time.Time{}
	}
	if iso := v.isolated; iso != nil && !iso.service.Expires.IsZero() && (last.IsZero() || iso.service.Expires.Before(last)) {
		return iso.service.Expires
	}
	return last
}

// keeps reports whether v never expires: it is a released version, or a released workload
// runs it. Previews that are marked as released, because nothing tells them apart, are not
// meant.
func (s *service) keeps(v *version) bool {
	if slices.ContainsFunc(s.pods, func(b backend) bool { return b.released && !b.preview && b.version == v.name }) {
		return true
	}
	found := false
	s.eachBackend(v, func(b *model.Backend) { found = found || s.isReleasedWorkload(v, b.Workload) })
	return found
}

// isReleasedWorkload reports whether a workload that runs v is released.
func (s *service) isReleasedWorkload(v *version, w model.Workload) bool {
	if v.isolated != nil && v.isolated.service.Namespace != s.Namespace {
		return false
	}
	return slices.ContainsFunc(s.pods, func(b backend) bool { return b.released && !b.preview && b.Workload == w })
}

// eachBackend calls a function with the pods of v.
func (s *service) eachBackend(v *version, each func(*model.Backend)) {
	if v.isolated != nil {
		for i := range v.isolated.service.Backends {
			each(&v.isolated.service.Backends[i])
		}
		return
	}
	for i := range s.pods {
		if b := &s.pods[i]; b.version == v.name {
			each(b.Backend)
		}
	}
}

// reportExpired reports that v has expired, on s and on the Service of an isolated version.
func reportExpired(s *service, v *version, r *reporter) {
	at, remove := v.expires.Format(time.RFC3339), slices.Clone(v.workloads)
	if v.isolated == nil {
		r.report(s.Service, diag.PreviewExpired, "version %s expired at %s: no route leads to it; delete %s", v.name, at, enumerate(remove))
		return
	}
	own := v.isolated.service
	remove = append(remove, "Service/"+own.Name)
	where := ""
	if own.Namespace != s.Namespace {
		where = " in namespace " + own.Namespace
	}
	r.report(s.Service, diag.PreviewExpired, "version %s expired at %s: no route leads to it; delete %s%s", v.name, at, enumerate(remove), where)
	r.report(own, diag.PreviewExpired, "it is version %s of Service %s, which expired at %s: no route leads to it; delete %s", v.name, own.BaseText(), at, enumerate(remove))
}

// reportExpiresIgnored reports annotations that have no effect, since what has them is
// released, or is a Service that is no version of another.
func reportExpiresIgnored(s *service, versions []version, r *reporter) {
	if !s.Expires.IsZero() {
		d := diag.New(diag.ExpiresIgnored, s.Object(), "%s has no effect on it, since it is not a version of another Service: it does not expire", expiresKey)
		r.add(d.WithFix("remove it, or annotate the workload of the preview").At(s.Origin))
	}
	var names []string
	for i := range s.pods {
		if b := &s.pods[i]; b.released && !b.preview && !b.Expires.IsZero() {
			names = append(names, b.Workload.String())
		}
	}
	for i := range versions {
		v := &versions[i]
		if !s.keeps(v) {
			continue
		}
		s.eachBackend(v, func(b *model.Backend) {
			if !b.Expires.IsZero() {
				names = append(names, b.Workload.String())
			}
		})
		if v.isolated != nil && !v.isolated.service.Expires.IsZero() {
			names = append(names, "Service/"+nameIn(s.Namespace, v.isolated.service))
		}
	}
	if names = distinct(names); len(names) > 0 {
		r.report(s.Service, diag.ExpiresIgnored, "%s of %s has no effect, since a released version does not expire", expiresKey, enumerate(names))
	}
}
