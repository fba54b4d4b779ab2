package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// beside is what an ordinary Service that selects pods of a headless one knows about them.
type beside struct {
	// service is the name of that Service, "" for none.
	service string
	// unreleased are the workloads behind both that are not released there.
	unreleased []string
	// isolated are those of them that isolated versions there have too.
	isolated []string
	// released is set if all pods behind the headless Service are released there.
	released bool
}

// findBeside asks the Services beside each headless one which of its pods are released: its
// callers choose a pod whatever its version.
func findBeside(all *services) {
	for _, s := range all.list {
		if !s.Headless || s.VersionOf != "" || len(s.Backends) == 0 {
			continue
		}
		for _, o := range all.list {
			if o.Namespace != s.Namespace || o.Headless || o.VersionOf != "" || o.ExternalName != "" || o.optedOut() {
				continue
			}
			if found := besideOf(s.Service, &o.given); len(found.unreleased) > 0 || s.beside.service == "" {
				s.beside = found
			}
		}
	}
}

// besideOf returns what g knows about the pods behind headless; the zero value if it has none
// of them, or does not know which pods are released.
func besideOf(headless *model.Service, g *given) beside {
	if !slices.ContainsFunc(g.Backends, func(b model.Backend) bool { return headless.HasWorkload(b.Workload) }) {
		return beside{}
	}
	other := *g
	other.backends = readBackends(g.Backends, g.settings.VersionLabel)
	found, pods := findReleased(&other, &reporter{})
	if found.unknown {
		return beside{}
	}
	out, released := beside{service: g.Name}, map[model.Workload]bool{}
	for i := range pods {
		switch b := &pods[i]; {
		case b.released:
			released[b.Workload] = true
		case headless.HasWorkload(b.Workload):
			out.unreleased = append(out.unreleased, b.Workload.String())
			if g.hasIsolated(b) {
				out.isolated = append(out.isolated, b.Workload.String())
			}
		}
	}
	out.released = len(out.unreleased) == 0 && !slices.ContainsFunc(headless.Backends, func(b model.Backend) bool { return !released[b.Workload] })
	return out
}

// headlessFix says how to keep ordinary traffic to a headless Service from previews.
func (g *given) headlessFix(previews []string) string {
	base := g.Name
	if len(g.beside.unreleased) > 0 {
		base = g.beside.service
	}
	isolated := !slices.ContainsFunc(g.backends, func(b backend) bool {
		name := b.Workload.String()
		return slices.Contains(previews, name) && !g.hasIsolated(&b) && !slices.Contains(g.beside.isolated, name)
	})
	if isolated {
		return fmt.Sprintf("give the pods of %s labels that Service %s does not select", enumerate(previews), g.Name)
	}
	return fmt.Sprintf("give %s %s, annotated overrides.mesh/version-of: %s, and %s pods labels that Service %s does not select",
		enumerate(previews), agree(previews, "a Service of its own", "Services of their own"), base, agree(previews, "its", "their"), g.Name)
}

// adjustHeadless makes the diagnostic about a headless Service a warning if ordinary traffic
// reaches previews, and omits it if another Service of its pods says that all are released.
func adjustHeadless(in *skipInput, d *diag.Diagnostic) bool {
	if previews := in.service.namedPreviews(); len(previews) > 0 {
		*d = d.WithFix("%s", in.service.headlessFix(previews))
		return warnOfPreviews(in, d)
	}
	return !in.service.beside.released
}
