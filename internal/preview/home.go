package preview

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// baseText names the Service in the namespace of the preview.
func (m *maker) baseText() string {
	if m.isElsewhere() {
		return m.Service + "." + m.Namespace
	}
	return m.Service
}

// exportedTo returns the annotation for which namespaces see the Service of the preview, given
// that of the Service: "." is the namespace of each.
func (m *maker) exportedTo(value string) string {
	if !m.isElsewhere() {
		return value
	}
	list := strings.Split(value, ",")
	for i := range list {
		if strings.TrimSpace(list[i]) == "." {
			list[i] = m.Namespace
		}
	}
	return strings.Join(list, ",")
}

// aliases returns, for a preview with a namespace of its own, a Service of the name of each
// Service in the namespace of the released pods, whose programs call by these names. Names
// that other Services have there are theirs.
func (m *maker) aliases() []Object {
	if !m.isElsewhere() {
		return nil
	}
	out := map[string]Object{}
	for _, s := range m.before.Services {
		if _, base := discover.BaseOf(s); s.Namespace == m.Namespace && s.Name != m.serviceName && base == "" {
			out[s.Name] = m.alias(s)
		}
	}
	for _, s := range m.before.Services {
		if s.Namespace == m.Home && text(within(out[s.Name].Content, "spec"), "externalName") != s.Spec.ExternalName {
			delete(out, s.Name)
		}
	}
	return slices.SortedFunc(maps.Values(out), func(a, b Object) int { return a.Compare(b.Object) })
}

// alias returns a Service that is another name of s, with the ports by which it is called.
func (m *maker) alias(s *corev1.Service) Object {
	spec := tree{"type": string(corev1.ServiceTypeExternalName), "externalName": cmp.Or(s.Spec.ExternalName, m.Snapshot.Options.FQDN(s.Name, s.Namespace))}
	var ports []any
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		port := tree{"port": int64(p.Port)}
		if p.Name != "" {
			port["name"] = p.Name
		}
		if p.Protocol != "" && p.Protocol != corev1.ProtocolTCP {
			port["protocol"] = string(p.Protocol)
		}
		if p.AppProtocol != nil {
			port["appProtocol"] = *p.AppProtocol
		}
		ports = append(ports, port)
	}
	if len(ports) > 0 {
		spec["ports"] = ports
	}
	object := m.object("Service", s.Name, nil, map[string]string{})
	object.Content["apiVersion"], object.Content["spec"] = "v1", spec
	return object
}

// needed lists what the pods of the preview need in its namespace, as "Secret cart-db".
func (m *maker) needed() []string {
	var out []string
	add := func(kind, name string) {
		if name != "" {
			out = append(out, kind+" "+name)
		}
	}
	spec := within(m.template, "spec")
	add("ServiceAccount", cmp.Or(text(spec, "serviceAccountName"), text(spec, "serviceAccount")))
	for _, secret := range items(spec, "imagePullSecrets") {
		add("Secret", text(secret, "name"))
	}
	for _, field := range []string{"initContainers", "containers"} {
		for _, c := range items(spec, field) {
			for _, from := range items(c, "envFrom") {
				add("ConfigMap", text(within(from, "configMapRef"), "name"))
				add("Secret", text(within(from, "secretRef"), "name"))
			}
			for _, env := range items(c, "env") {
				add("ConfigMap", text(within(env, "valueFrom", "configMapKeyRef"), "name"))
				add("Secret", text(within(env, "valueFrom", "secretKeyRef"), "name"))
			}
		}
	}
	for _, volume := range items(spec, "volumes") {
		for _, source := range append(items(within(volume, "projected"), "sources"), volume) {
			add("ConfigMap", text(within(source, "configMap"), "name"))
			add("Secret", cmp.Or(text(within(source, "secret"), "secretName"), text(within(source, "secret"), "name")))
		}
		add("PersistentVolumeClaim", text(within(volume, "persistentVolumeClaim"), "claimName"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// tellNeeded reports what the pods of the preview need in a namespace of its own.
func (m *maker) tellNeeded(c *candidate) {
	if needed := m.needed(); m.isElsewhere() && len(needed) > 0 {
		m.report(diag.PreviewNeedsObjects, c.objects[len(c.objects)-1].Object, "its pods need, in namespace %s: %s", m.Home, strings.Join(needed, ", "))
	}
}
