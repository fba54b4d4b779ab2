package edge

import (
	"regexp"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

func (m *maker) findGateway() *model.Gateway {
	if m.GatewayAPI {
		return nil
	}
	at := slices.IndexFunc(m.snapshot.Gateways, func(g model.Gateway) bool { return g.Namespace == m.Namespace && g.Name == m.Gateway })
	if at < 0 {
		return nil
	}
	return &m.snapshot.Gateways[at]
}

// findPods finds the selector of the pods and their namespaces.
func (m *maker) findPods() {
	m.selector = m.Selector
	switch {
	case m.GatewayAPI:
		m.findGatewayAPIPods()
		return
	case len(m.selector) > 0:
	case m.gateway == nil:
		m.report(diag.EdgeGatewayNotKnown, m.object(), "the Gateway is not in the input, and no flag names its pods")
		return
	case len(m.gateway.Spec.GetSelector()) == 0:
		m.report(diag.EdgeGatewayNotKnown, m.object(), "the Gateway has no selector, so it is for all gateway pods of the mesh").
			Fix = m.fixFor("select the pods with --selector", "give the Gateway a selector: its policy is for the pods that it selects")
		return
	default:
		m.selector = m.gateway.Spec.GetSelector()
	}
	m.namespaces = slices.Clone(m.PodNamespaces)
	for _, p := range m.snapshot.GatewayPods {
		if len(m.PodNamespaces) == 0 && model.HasLabels(p.Labels, m.selector) {
			m.namespaces = append(m.namespaces, p.Namespace)
		}
	}
	slices.Sort(m.namespaces)
	known := len(m.namespaces) > 0
	m.namespaces = slices.DeleteFunc(slices.Compact(m.namespaces), m.isNotPermitted)
	if !known {
		d := m.report(diag.EdgeGatewayNotKnown, m.object(), "the input has no pods with the labels %s", strings.TrimSuffix(model.LabelString(m.selector), ","))
		d.Fix = m.fixFor(d.Fix, "correct the selector of the Gateway, deploy its pods, or have their manifests in the input, or their namespace in --gateway-namespace")
	}
	// An EnvoyFilter in the root namespace is for the pods of all namespaces. With another
	// one, these would do everything twice.
	if root := m.snapshot.Options.RootNamespace; slices.Contains(m.namespaces, root) {
		m.namespaces = []string{root}
	}
}

// isNotPermitted reports a namespace that does not permit the policy that asks.
func (m *maker) isNotPermitted(namespace string) bool {
	if m.By.Name == "" || m.snapshot.PermitsPolicies(namespace, m.By.Namespace) {
		return false
	}
	m.report(diag.EdgeNotPermitted, m.object(), "it has pods in namespace %s, which does not permit policies of namespace %s", namespace, m.By.Namespace)
	return true
}

// fixFor returns the fix for somebody who wrote flags, or a policy.
func (m *maker) fixFor(flags, policy string) string {
	if m.By.Name == "" {
		return flags
	}
	return policy
}

// findGatewayAPIPods finds the pods of a Gateway of the Gateway API, by the label that
// istiod puts on them.
func (m *maker) findGatewayAPIPods() {
	m.selector = map[string]string{model.GatewayNameLabel: m.Gateway}
	// Manifests don't have the pods that istiod makes.
	if !m.snapshot.Options.Static && len(m.pods()) == 0 {
		m.report(diag.EdgeGatewayNotKnown, m.object(), "namespace %s has no pods with the label %s: %s", m.Namespace, model.GatewayNameLabel, m.Gateway).
			Fix = "create the Gateway, or label the pods of one that you run yourself"
	}
	m.namespaces = []string{m.Namespace}
}

// pods are the known pods of the gateway.
func (m *maker) pods() []model.GatewayPods {
	if len(m.selector) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.snapshot.GatewayPods), func(p model.GatewayPods) bool {
		return !model.HasLabels(p.Labels, m.selector) || m.GatewayAPI && p.Namespace != m.Namespace ||
			len(m.PodNamespaces) > 0 && !slices.Contains(m.PodNamespaces, p.Namespace)
	})
}

// checkProxies reports proxies that are too old for the filter.
func (m *maker) checkProxies() {
	known := regexp.MustCompile(supported)
	for _, p := range m.pods() {
		for _, version := range p.Proxies {
			if !known.MatchString(version) {
				m.report(diag.EdgeProxyTooOld, m.object(), "its pods in namespace %s have proxies of Istio %s; the filter needs %s", p.Namespace, version, Requires)
			}
		}
	}
}

// sharing lists the Gateways of the snapshot whose pods the filter may be for.
func (m *maker) sharing() []*model.Gateway {
	var out []*model.Gateway
	pods := m.pods()
	for i := range m.snapshot.Gateways {
		g := &m.snapshot.Gateways[i]
		shares := m.selector != nil && (g.Selects(m.selector) || model.HasLabels(g.Spec.GetSelector(), m.selector)) ||
			slices.ContainsFunc(pods, func(p model.GatewayPods) bool { return g.Selects(p.Labels) })
		if g == m.gateway || shares {
			out = append(out, g)
		}
	}
	return out
}

func (m *maker) others() []diag.Object {
	var out []diag.Object
	for _, g := range m.sharing() {
		if g.Object() != m.object() && !m.isCopy(g) {
			out = append(out, g.Object())
		}
	}
	slices.SortFunc(out, diag.Object.Compare)
	return out
}
