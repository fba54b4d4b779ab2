package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// leaveAlone reports whether nothing is to be made for s, and says why.
// A Service that is an isolated version of another is part of that one.
func (c *compiler) leaveAlone(s *service) bool {
	switch {
	case s.Namespace == "default" && s.Name == "kubernetes":
		c.leave(s, diag.KubernetesService, "it is the API server's")
	case s.settings.Managed != nil && !*s.settings.Managed:
		c.leave(s, diag.OptedOut, "it asks to be")
	case s.VersionOf != "":
		s.leftAlone = true
	case s.ExternalName != "":
		c.leave(s, diag.ExternalNameService, "it is an ExternalName")
	case len(s.Selector) == 0:
		c.leave(s, diag.NoSelector, "it has no selector")
	case !hasHTTP(s.Ports):
		c.leaveServing(s, diag.NoHTTPPort, "no port carries HTTP")
	case grammar.ValidateService(s.Name) != nil:
		c.leaveUnnameable(s)
	case len(c.contested(s)) > 0:
		entries := names(c.contested(s))
		c.leave(s, diag.HostContested, "%s %s its host too", list(entries), agree(entries, "has", "have"))
	case s.Headless && len(s.isolated) == 0:
		c.leaveServing(s, diag.HeadlessService, "it is headless, and no isolated versions of it are there")
	}
	return s.leftAlone
}

// leaveUnnameable leaves a Service alone that no member of a header can name
// ([grammar.ValidateService] decides, for parsers, patterns and tools alike): what
// proxies followed, no tool could ask for. Kubernetes takes names that begin with a
// digit, which no RFC 9651 token does. It is worth a warning where there is something
// to override.
func (c *compiler) leaveUnnameable(s *service) {
	d := s.leave(diag.ServiceNameUnsupported, "overrides can't name it: %v", grammar.ValidateService(s.Name))
	if len(s.backends) < 2 && len(s.isolated) == 0 {
		d.Severity, d.Fix = diag.Info, ""
	}
	c.add(d)
}

// leaveServing leaves a Service alone which can't be pinned, being what it is. That is
// worth a warning where some of its pods are said not to be released.
func (c *compiler) leaveServing(s *service, code diag.Code, why string) {
	previews := saidPreviews(s)
	if len(previews) == 0 {
		c.leave(s, code, "%s", why)
		return
	}
	d := s.leave(code, "%s, so ordinary traffic reaches %s, which %s not released", why, list(previews), agree(previews, "is", "are"))
	d.Severity = diag.Warning
	c.add(d)
}

// warn says something of s that is a warning here, and less elsewhere.
func (c *compiler) warn(s *service, code diag.Code, format string, args ...any) {
	d := diag.New(code, s.Object(), format, args...).At(s.Origin)
	d.Severity = diag.Warning
	c.add(d)
}

// saidPreviews names the workloads that are marked as previews, are not of the versions
// that are said to be released, or stand behind an isolated version of s too.
func saidPreviews(s *service) []string {
	if onlyPreview(s) {
		return nil
	}
	var out []string
	for _, b := range s.backends {
		named := s.settings.ReleasedVersions != nil && b.version != ""
		if b.preview || (named && !slices.Contains(s.settings.ReleasedVersions, b.version)) || s.isIsolated(&b) {
			out = append(out, b.Workload.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isIsolated reports whether pods of s are those of an isolated version of it, while others
// are not.
func (s *service) isIsolated(b *backend) bool {
	has := func(iso isolated, of *backend) bool {
		return slices.ContainsFunc(iso.service.Backends, func(x model.Backend) bool { return x.Workload == of.Workload })
	}
	for _, iso := range s.isolated {
		if has(iso, b) && slices.ContainsFunc(s.backends, func(o backend) bool { return !has(iso, &o) }) {
			return true
		}
	}
	return false
}

func hasHTTP(ports []model.Port) bool {
	for _, p := range ports {
		if p.HTTP {
			return true
		}
	}
	return false
}

// contested names the ServiceEntries that have the host of s too.
func (c *compiler) contested(s *service) []diag.Object {
	if found := c.mesh.Service(s.host); found != nil {
		return found.Contested
	}
	return nil
}
