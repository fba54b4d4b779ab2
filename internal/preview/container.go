package preview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// sidecars are containers that injection adds.
var sidecars = []string{"istio-proxy", "istio-init", "istio-validation"}

// setImage gives the image to a container. It reports false if it is not known which.
func (m *maker) setImage() bool {
	spec := within(m.template, "spec")
	containers := slices.DeleteFunc(items(spec, "containers"), func(c tree) bool { return slices.Contains(sidecars, text(c, "name")) })
	at, why := m.chooseContainer(containers)
	if at < 0 {
		m.report(diag.PreviewContainerUnknown, m.workload(), "%s", why)
		return false
	}
	chosen := containers[at]
	before := text(chosen, "image")
	chosen["image"] = m.Image
	var kept []string
	for _, c := range slices.Concat(items(spec, "initContainers"), containers) {
		if text(c, "name") != text(chosen, "name") && before != "" && text(c, "image") == before {
			kept = append(kept, text(c, "name"))
		}
	}
	if len(kept) > 0 {
		m.report(diag.PreviewImageKept, m.workload(), "container %s gets the image; %s, which had the same one, keeps %s", text(chosen, "name"), strings.Join(kept, " and "), before)
	}
	m.reportPorts(containers, chosen)
	return true
}

// chooseContainer returns the index of the container that gets the image: the one that is
// named, the only one, or the one with the name of the Service or the workload. If there is
// none, it says why.
func (m *maker) chooseContainer(containers []tree) (int, string) {
	var names []string
	for _, c := range containers {
		names = append(names, text(c, "name"))
	}
	of := "it has no containers"
	if len(names) > 0 {
		of = "its containers are " + strings.Join(names, ", ")
	}
	if m.Container != "" {
		return slices.Index(names, m.Container), fmt.Sprintf("it has no container %s that can get the image: %s", m.Container, of)
	}
	if len(names) == 1 {
		return 0, ""
	}
	for _, name := range []string{m.Service, m.Workload.Name, strings.TrimSuffix(m.Workload.Name, "-primary")} {
		if at := slices.Index(names, name); at >= 0 {
			return at, ""
		}
	}
	return -1, of + ", and none has the name of the Service or the workload"
}

// reportPorts reports that a port of the Service leads to another container.
func (m *maker) reportPorts(containers []tree, chosen tree) {
	for _, port := range items(within(m.base, "spec"), "ports") {
		target := scalar(port["targetPort"])
		if target == "" {
			target = scalar(port["port"])
		}
		has := func(c tree) bool {
			return slices.ContainsFunc(items(c, "ports"), func(p tree) bool { return scalar(p["name"]) == target || scalar(p["containerPort"]) == target })
		}
		if at := slices.IndexFunc(containers, has); at >= 0 && !has(chosen) {
			m.report(diag.PreviewContainerNotExposed, m.workload(), "container %s gets the image, but port %s of Service %s leads to container %s",
				text(chosen, "name"), scalar(port["port"]), m.Service, text(containers[at], "name"))
		}
	}
}
