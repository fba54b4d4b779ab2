package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// clash is the pods that no label tells apart: those that get ordinary traffic, and others.
type clash struct {
	*given
	pods             []backend
	released, others []string
}

// reportClash reports that no pin is possible, with the workloads that have the same labels,
// and the fix that fits them:
//
//	the others                             the fix
//	-------------------------------------  --------------------------------------------
//	are isolated versions                  labels that this Service does not select
//	have the version of the released pods  a version of their own
//	have another version, or none          a label of the released pods
func reportClash(g *given, pods []backend, why string, r *reporter) {
	c := clash{given: g, pods: pods}
	c.released = c.workloads(func(b *backend) bool { return b.ordinary })
	c.others = filter(c.workloads(func(b *backend) bool { return !b.ordinary }), func(w string) bool { return !slices.Contains(c.released, w) })
	if len(c.others) == 0 {
		r.report(g.Service, diag.OrdinaryTrafficShared, "no labels tell the released pods (%s) from the others: ordinary traffic is shared by all pods", why)
		return
	}
	versions, alike := c.sameVersion()
	message := fmt.Sprintf("no label tells the released pods (%s) from those of %s", enumerate(c.released), enumerate(c.others))
	if len(versions) > 0 {
		message = fmt.Sprintf("the pods of %s have the same version as the released pods (%s): %s", enumerate(alike), enumerate(c.released), enumerate(versions))
	}
	d := diag.New(diag.OrdinaryTrafficShared, g.Object(), "%s; ordinary traffic is shared by all pods", message).At(g.Origin)
	switch fix := c.isolatedFix(); {
	case fix != "":
		d = d.WithFix("%s", fix)
	case len(versions) > 0:
		d = d.WithFix("give the pods of %s a version of their own, other than %s", enumerate(alike), alternatives(versions))
	default:
		d = d.WithFix("give the pods of %s a label that the others don't have, such as a version (%s: v1) or track: stable, or move the other version behind a Service of its own (overrides.mesh/version-of)",
			enumerate(c.released), g.settings.VersionLabel)
	}
	r.add(d)
}

func (c *clash) workloads(some func(*backend) bool) []string {
	var out []string
	for i := range c.pods {
		if b := &c.pods[i]; some(b) {
			out = append(out, b.Workload.String())
		}
	}
	return distinct(out)
}

// sameVersion returns the versions that released pods and others have, and the workloads of
// these others.
func (c *clash) sameVersion() (versions, alike []string) {
	for i := range c.pods {
		b := &c.pods[i]
		if b.version != "" && !b.ordinary && slices.ContainsFunc(c.pods, func(o backend) bool { return o.ordinary && o.version == b.version }) {
			versions, alike = append(versions, b.version), append(alike, b.Workload.String())
		}
	}
	return distinct(versions), distinct(alike)
}

// isolatedFix says how to keep the pods of isolated versions from being behind the Service
// too; empty if others are.
func (c *clash) isolatedFix() string {
	var services, labels []string
	for i := range c.pods {
		b := &c.pods[i]
		if b.ordinary {
			continue
		}
		at := slices.IndexFunc(c.isolated, func(iso isolated) bool { return iso.has(c.Namespace, b.Workload) })
		if at < 0 {
			return ""
		}
		own := c.isolated[at].service
		services = append(services, own.Name)
		for key, value := range c.Selector {
			if own.Selector[key] != value {
				labels = append(labels, key+": "+value)
			}
		}
	}
	services, labels = distinct(services), distinct(labels)
	if len(labels) > 0 {
		return fmt.Sprintf("remove the label %s from the pods of %s, so that only Service %s selects them", alternatives(labels), enumerate(c.others), enumerate(services))
	}
	return fmt.Sprintf("give the pods of %s labels that this Service does not select (%s), and Service %s a selector for these", enumerate(c.others), labelText(c.Selector), enumerate(services))
}
