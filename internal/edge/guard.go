package edge

import (
	"fmt"
	"slices"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	typeapi "istio.io/api/type/v1beta1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// A guard decides about requests with an override, after the filter has made it. So one guard
// is for hosts, the cookie, and the header:
//
//	require, Hard   AuthorizationPolicy, DENY     403 without the claim
//	require, Soft   rows of the companions        an ordinary request without the claim
//	claims          rows of the companions         an ordinary request, unless they permit each member
//	extAuthz        AuthorizationPolicy, CUSTOM   what the authorizer answers
//
// Preflights (OPTIONS) pass, since browsers send them without a session.

// isGuarded reports whether requests with an override need something more.
func (r *Request) isGuarded() bool { return r.Require != nil || r.Provider != "" || r.Claims != nil }

// issuer is the issuer of the tokens whose claims decide; empty if none do.
func (r *Request) issuer() string {
	switch {
	case r.Claims != nil:
		return r.Claims.Issuer
	case r.Require != nil:
		return r.Require.Issuer
	}
	return ""
}

// checkGuard checks that tokens are checked at all. Where they are not, nobody could have the
// claim, so the filter only removes overrides.
func (m *maker) checkGuard() {
	if spec, _ := m.authorization(); spec != nil {
		if other := m.servesOther(); other != "" {
			m.report(diag.EdgeGuardNotHTTP, m.object(), "%s, and there Istio would apply a guard without its conditions, so that every connection is refused: the filter removes overrides, and makes none of hosts and cookies", other)
			m.close()
			return
		}
	}
	at := slices.IndexFunc(m.snapshot.Authorizers, func(a model.Authorizer) bool { return a.Provider != m.Provider && m.mayBeFor(&a.PodPolicy) })
	if m.Provider != "" && at >= 0 {
		other := &m.snapshot.Authorizers[at]
		m.report(diag.EdgeOtherAuthorizer, m.object(), "AuthorizationPolicy %s/%s asks %s about requests at its pods, and Istio refuses requests about which %s is asked, too: the filter removes overrides, and makes none of hosts and cookies",
			other.Namespace, other.Name, other.Provider, m.Provider)
		m.close()
		return
	}
	if m.issuer() == "" || slices.ContainsFunc(m.snapshot.TokenChecks, m.checksTokens) {
		return
	}
	m.report(diag.EdgeClaimNotChecked, m.object(), "no RequestAuthentication for all of its pods accepts tokens of the issuer %s%s: the filter removes overrides, and makes none of hosts and cookies",
		m.issuer(), m.nearCheck())
	m.close()
}

// nearCheck names the RequestAuthentications that check tokens of the issuer at other pods, or
// else those for these pods and other issuers.
func (m *maker) nearCheck() string {
	var elsewhere, others []string
	for _, c := range m.snapshot.TokenChecks {
		name := fmt.Sprintf("%s/%s", c.Namespace, c.Name)
		switch {
		case slices.Contains(c.Issuers, m.issuer()):
			elsewhere = append(elsewhere, name+" does, but is not for all of them")
		case m.isForAll(&c.PodPolicy):
			others = append(others, fmt.Sprintf("%s is for them, but accepts %s only", name, strings.Join(c.Issuers, ", ")))
		}
	}
	if len(elsewhere) > 0 {
		others = elsewhere
	}
	if len(others) == 0 {
		return ""
	}
	return " (" + strings.Join(others[:min(len(others), 3)], "; ") + ")"
}

// close makes the filter remove overrides only.
func (m *maker) close() {
	m.closed = true
	m.Policy, m.Tokens, m.PreviewHosts, m.Cookie, m.Link, m.WithHosts, m.Claims, m.Require, m.Provider = Strip, nil, nil, "", false, false, nil, nil, ""
}

// servesOther says which server of the gateway's pods carries no HTTP; empty if none is known.
// For such servers istiod drops the conditions of a policy that only HTTP has
// (pilot/pkg/security/authz/model: checkError).
func (m *maker) servesOther() string {
	for i := range m.snapshot.KubernetesGateways {
		g := &m.snapshot.KubernetesGateways[i]
		if !m.GatewayAPI || g.Namespace != m.Namespace || g.Name != m.Gateway {
			continue
		}
		for j := range g.Listeners {
			if l := &g.Listeners[j]; l.Protocol != "HTTP" && l.Protocol != "HTTPS" {
				return fmt.Sprintf("listener %s of %s has the protocol %s", l.Name, g.Object(), l.Protocol)
			}
		}
	}
	for _, g := range m.sharing() {
		for _, s := range g.Spec.GetServers() {
			if !mesh.CarriesHTTP(s) {
				return fmt.Sprintf("port %d of %s carries no HTTP", s.GetPort().GetNumber(), g.Object())
			}
		}
	}
	return ""
}

// checksTokens reports whether c checks tokens of the required issuer at the gateway's pods.
func (m *maker) checksTokens(c model.TokenCheck) bool {
	return slices.Contains(c.Issuers, m.issuer()) && m.isForAll(&c.PodPolicy)
}

// isForAll reports whether a security policy is for all pods of the gateway.
func (m *maker) isForAll(p *model.PodPolicy) bool {
	if len(p.Gateways) > 0 {
		return m.isForGateway(p)
	}
	pods := m.pods()
	lacks := func(pods model.GatewayPods) bool { return !model.HasLabels(pods.Labels, p.Selector) }
	if !model.HasLabels(m.selector, p.Selector) && (len(pods) == 0 || slices.ContainsFunc(pods, lacks)) {
		return false
	}
	return p.Namespace == m.snapshot.Options.RootNamespace || len(m.namespaces) > 0 && !slices.ContainsFunc(m.namespaces, func(n string) bool { return n != p.Namespace })
}

// mayBeFor reports whether a security policy may be for some pods of the gateway. If no pods are
// known, it may, unless a label has two values.
func (m *maker) mayBeFor(p *model.PodPolicy) bool {
	root := m.snapshot.Options.RootNamespace
	pods := m.pods()
	switch {
	case len(p.Gateways) > 0:
		return m.isForGateway(p)
	case len(pods) > 0:
		return slices.ContainsFunc(pods, func(pods model.GatewayPods) bool {
			return (p.Namespace == root || p.Namespace == pods.Namespace) && model.HasLabels(pods.Labels, p.Selector)
		})
	case p.Namespace != root && !slices.Contains(m.namespaces, p.Namespace):
		return false
	}
	for key, value := range p.Selector {
		if other, has := m.selector[key]; has && other != value {
			return false
		}
	}
	return true
}

// isForGateway reports whether a security policy names the Gateway of the Gateway API.
func (m *maker) isForGateway(p *model.PodPolicy) bool {
	return m.GatewayAPI && p.Namespace == m.Namespace && slices.Contains(p.Gateways, m.Gateway)
}

// guard returns the objects of the guard for the pods of a namespace.
func (m *maker) guard(namespace string) ([]encoded.Object, error) {
	spec, suffix := m.authorization()
	if spec == nil {
		return nil, nil
	}
	if m.GatewayAPI {
		spec.TargetRefs = m.targetRefs()
	} else {
		spec.Selector = &typeapi.WorkloadSelector{MatchLabels: m.selector}
	}
	meta := m.ownMeta(namespace, suffix)
	object, err := istio.Canonical(&meta, guardKind, spec)
	if err != nil {
		return nil, err
	}
	return []encoded.Object{object}, nil
}

// authorization returns the specification of the guard, and the end of its name; nil if no
// AuthorizationPolicy is needed. The two actions have different names, so that a change from
// one to the other leaves no time without a guard.
func (m *maker) authorization() (*securityapi.AuthorizationPolicy, string) {
	overridden := &securityapi.Condition{Key: "request.headers[" + m.snapshot.Options.Header + "]", Values: []string{"*"}}
	rule := func(conditions ...*securityapi.Condition) *securityapi.Rule {
		return &securityapi.Rule{
			To:   []*securityapi.Rule_To{{Operation: &securityapi.Operation{NotMethods: []string{"OPTIONS"}}}},
			When: append([]*securityapi.Condition{overridden}, conditions...),
		}
	}
	switch {
	case m.Provider != "":
		return &securityapi.AuthorizationPolicy{
			Action:       securityapi.AuthorizationPolicy_CUSTOM,
			ActionDetail: &securityapi.AuthorizationPolicy_Provider{Provider: &securityapi.AuthorizationPolicy_ExtensionProvider{Name: m.Provider}},
			Rules:        []*securityapi.Rule{rule()},
		}, authorizeSuffix
	case m.Require == nil || m.Require.Mode == v1alpha1.GuardSoft:
		return nil, ""
	}
	// Two rules, of which each denies: the conditions of one have to hold together.
	return &securityapi.AuthorizationPolicy{
		Action: securityapi.AuthorizationPolicy_DENY,
		Rules: []*securityapi.Rule{
			rule(&securityapi.Condition{Key: "request.auth.claims[" + m.Require.Claim + "]", NotValues: m.Require.Values}),
			rule(&securityapi.Condition{Key: "request.auth.claims[iss]", NotValues: []string{m.Require.Issuer}}),
		},
	}, requireSuffix
}
