package preview

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"

	corev1 "k8s.io/api/core/v1"
)

// earlier is what there is of an earlier copy of the preview.
type earlier struct {
	workload *discover.Workload
	// service is set if there is a Service of its own.
	service bool
	// taken is another Service that has the name of its own one, or whose alias would have it;
	// nil for none.
	taken *diag.Object
}

// findExisting finds an earlier copy of the preview, which the result replaces. It reports
// false if the version or a name belongs to something else.
func (m *maker) findExisting() bool {
	ok := m.isVersionFree()
	m.before = m.Objects
	for _, w := range m.Objects.Workloads {
		if w.Namespace != m.Home || w.Name != m.name || w.Owned {
			continue
		}
		if w.Kind != "Deployment" || w.Template == nil || w.Template.All[compile.PreviewLabel] != "true" || w.Template.All[m.Settings.VersionLabel] != m.Version {
			m.report(diag.PreviewExists, diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}, "it has the name that the preview would have, and is not version %s of Service %s", m.Version, m.Service)
			ok = false
			continue
		}
		m.earlier.workload = w
	}
	for i := range m.Snapshot.Services {
		s := &m.Snapshot.Services[i]
		if s.Name != m.serviceName || s.Namespace != m.Home && (s.Namespace != m.Namespace || s.VersionOf != "") {
			continue
		}
		if s.Namespace != m.Home || !s.IsVersionOf(m.Base) || s.Version != "" && s.Version != m.Version {
			taken := s.Object()
			m.earlier.taken = &taken
			continue
		}
		m.earlier.service = true
	}
	if m.earlier.workload != nil || m.earlier.service {
		m.before = m.withoutEarlier()
	}
	return ok
}

// isVersionFree reports whether no other pods have the version already.
func (m *maker) isVersionFree() bool {
	for i := range m.Snapshot.Services {
		s := &m.Snapshot.Services[i]
		if s.Object() != m.service() && !s.IsVersionOf(m.Base) {
			continue
		}
		at := slices.IndexFunc(s.Backends, func(b model.Backend) bool {
			isIt := s.VersionOf != "" && s.Version == m.Version || s.Version == "" && b.Labels[m.Settings.VersionLabel] == m.Version
			return isIt && (s.Namespace != m.Home || b.Workload != model.Workload{Kind: "Deployment", Name: m.name})
		})
		if at >= 0 {
			m.report(diag.PreviewExists, s.Object(), "%s is version %s of Service %s already", s.Backends[at].Workload, m.Version, m.Service)
			return false
		}
	}
	return true
}

// replaces reports whether c can take the place of the earlier copy. One with another selector
// may be the preview of another Service, which has the same workload.
func (m *maker) replaces(c *candidate) bool {
	e := m.earlier.workload
	if e == nil || maps.Equal(e.Selector, c.selector) {
		return true
	}
	d := diag.New(diag.PreviewExists, diag.Object{Kind: e.Kind, Namespace: e.Namespace, Name: e.Name},
		"it has the name of the preview, and the selector %s instead of %s, which can't be changed", pairs(e.Selector), pairs(c.selector))
	m.diags = append(m.diags, d.WithFix("choose another name with --name, or delete it if it is an earlier copy: kubectl delete deployment %s -n %s", e.Name, e.Namespace))
	return false
}

// withoutEarlier returns the objects without the earlier copy.
func (m *maker) withoutEarlier() *discover.Objects {
	out := *m.Objects
	out.Workloads = slices.DeleteFunc(slices.Clone(out.Workloads), func(w *discover.Workload) bool { return w == m.earlier.workload })
	out.Pods = slices.DeleteFunc(slices.Clone(out.Pods), func(p *discover.Pod) bool {
		return m.earlier.workload != nil && p.Namespace == m.Home && p.Workload == model.Workload{Kind: "Deployment", Name: m.name}
	})
	out.Services = slices.DeleteFunc(slices.Clone(out.Services), func(s *corev1.Service) bool {
		return m.earlier.service && s.Namespace == m.Home && s.Name == m.serviceName
	})
	return &out
}
