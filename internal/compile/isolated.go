package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// isolated is a version that stands behind a Service of its own.
type isolated struct {
	service     *service
	version     string
	pods, ready int
	workloads   []string
}

// gatherIsolated gives each Service its isolated versions.
func (c *compiler) gatherIsolated() {
	for _, s := range c.services {
		if s.VersionOf == "" || (s.settings.Managed != nil && !*s.settings.Managed) {
			continue
		}
		base := c.byHost[c.fqdn(s.VersionOf, s.Namespace)]
		if !c.checkBase(s, base) {
			continue
		}
		if iso, ok := c.readIsolated(s, base); ok {
			base.isolated = append(base.isolated, iso)
		}
	}
}

// checkBase reports whether s can be a version of base, which is nil if it is not there.
func (c *compiler) checkBase(s, base *service) bool {
	d := diag.New(diag.IsolatedBaseNotFound, s.Object(), "it says that it is a version of Service %s, which is not there", s.VersionOf).At(s.Origin)
	switch {
	case base == nil:
	case base == s:
		d.Message = "it says that it is a version of itself"
		d = d.WithFix("remove overrides.mesh/version-of, or name the Service whose version it is")
	case base.VersionOf != "":
		d.Message = fmt.Sprintf("it says that it is a version of Service %s, which is a version of Service %s itself", base.Name, base.VersionOf)
		d = d.WithFix("set overrides.mesh/version-of to %s", base.VersionOf)
	default:
		return true
	}
	c.add(d)
	return false
}

func (c *compiler) readIsolated(s, base *service) (isolated, bool) {
	iso := isolated{service: s, version: s.Version}
	if s.Headless || s.ExternalName != "" {
		c.say(s, diag.IsolatedUnreachable, "it has no cluster IP, so that a proxy can't be sent to it as version of %s", base.Name)
		return iso, false
	}
	for i := range s.Backends {
		b := &s.Backends[i]
		if iso.version == "" {
			iso.version = b.Labels[base.settings.VersionLabel]
		} else if v := b.Labels[base.settings.VersionLabel]; s.Version == "" && v != iso.version {
			c.say(s, diag.IsolatedNoVersion, "its pods are of versions %q and %q", iso.version, v)
			return iso, false
		}
		iso.pods += b.Pods
		iso.ready += b.Ready
		iso.workloads = append(iso.workloads, b.Workload.String())
	}
	for _, u := range s.Unread {
		if v := u.Labels[base.settings.VersionLabel]; s.Version == "" && v != iso.version {
			c.say(s, diag.IsolatedNoVersion, "behind it is also %s, which is not known to be of version %q", u.Object, iso.version)
			return iso, false
		}
	}
	if iso.version == "" {
		d := diag.New(diag.IsolatedNoVersion, s.Object(), "it says that it is a version of Service %s, but not which", base.Name).At(s.Origin)
		if label := otherLabel(s.Backends, base.settings.VersionLabel); label != "" {
			d = d.WithFix("annotate it with overrides.mesh/version: %s, or Service %s with overrides.mesh/version-label: %s, which its pods carry",
				s.Backends[0].Labels[label], base.Name, label)
		}
		c.add(d)
		return iso, false
	}
	if slices.ContainsFunc(base.isolated, func(other isolated) bool { return other.version == iso.version }) {
		c.add(diag.New(diag.IsolatedNoVersion, s.Object(), "version %s of Service %s is behind another Service already", iso.version, base.Name).
			WithFix("give one of the two another version, or remove it").At(s.Origin))
		return iso, false
	}
	if missing, ok := unreachablePort(base, s); !ok {
		c.say(s, diag.IsolatedUnreachable, "it has no port for port %d of Service %s", missing, base.Name)
		return iso, false
	}
	return iso, true
}

// unreachablePort returns an HTTP port of base that iso does not have.
func unreachablePort(base, iso *service) (uint32, bool) {
	for _, p := range base.Ports {
		if p.HTTP && isolatedPort(iso.Service, base.Service, p) == 0 {
			return p.Number, false
		}
	}
	return 0, true
}

// isolatedPort returns the port of iso that stands for port p of base: the one
// of the same number, else of the same name, else the only one where base has
// only one as well; 0 for none.
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
