package preview

import (
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// readTemplate reads the documents. It reports false if the workload can't be copied.
func (m *maker) readTemplate() bool {
	m.base = m.document("Service", m.Service)
	m.source = m.document(m.Workload.Kind, m.Workload.Name)
	holder := m.source
	if m.templateOf != "" {
		holder = m.document("Deployment", m.templateOf)
	}
	for name, document := range map[string]tree{"the Service": m.base, m.Workload.String(): m.source, "Deployment/" + m.templateOf: holder} {
		if document == nil {
			m.report(diag.PreviewSourceNotFound, m.service(), "the manifest of %s was not read", name)
			return false
		}
	}
	m.template = within(holder, "spec", "template")
	if within(m.template, "spec") == nil {
		m.report(diag.PreviewSourceNotFound, m.workload(), "it has no template of pods")
		return false
	}
	if why := unusable(m.source, m.template); why != "" {
		m.report(diag.PreviewSourceUnusable, m.workload(), "%s", why)
		return false
	}
	m.leaveOut()
	return true
}

func (m *maker) workload() diag.Object {
	return diag.Object{Kind: m.Workload.Kind, Namespace: m.Namespace, Name: m.Workload.Name}
}

// unusable says why a workload can't be copied; empty if it can.
func unusable(source, template tree) string {
	var claims []string
	for _, claim := range items(within(source, "spec"), "volumeClaimTemplates") {
		claims = append(claims, text(within(claim, "metadata"), "name"))
	}
	if len(claims) > 0 {
		return "each of its pods has volumes of its own (volumeClaimTemplates: " + strings.Join(claims, ", ") + "), and a copy would have none of their data"
	}
	if host, _ := within(template, "spec")["hostNetwork"].(bool); host {
		return "its pods use the network of their node (hostNetwork): a copy would take ports of released pods, and gets no sidecar"
	}
	return ""
}

// leaveOut removes from the template what does not fit a copy.
func (m *maker) leaveOut() {
	switch m.Workload.Kind {
	case "StatefulSet", "DaemonSet":
		m.report(diag.PreviewPartLeftOut, m.workload(), "the preview is a Deployment: its pods have no stable names, and are not on every node")
	}
	spec := within(m.template, "spec")
	delete(spec, "nodeName")
	m.takePlacement()
	var ports []string
	for _, field := range []string{"initContainers", "containers"} {
		for _, c := range items(spec, field) {
			for _, port := range items(c, "ports") {
				if _, has := port["hostPort"]; has {
					delete(port, "hostPort")
					ports = append(ports, text(c, "name"))
				}
			}
		}
	}
	if len(ports) > 0 {
		m.report(diag.PreviewPartLeftOut, m.workload(), "the preview has no hostPort (container %s): it would take the port of a node from released pods", strings.Join(slices.Compact(ports), ", "))
	}
	for _, volume := range items(spec, "volumes") {
		claim := within(volume, "persistentVolumeClaim")
		if readOnly, _ := claim["readOnly"].(bool); claim != nil && !readOnly && !m.isElsewhere() {
			m.report(diag.PreviewSharesVolume, m.workload(), "the preview mounts PersistentVolumeClaim %s, as the released pods do", text(claim, "claimName"))
		}
	}
}
