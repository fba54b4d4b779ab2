package discover

import (
	"slices"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// EnforceGatewayPolicies decides which of a snapshot's policies of Gateways are in force, and
// what they say about the routes of Gateways:
//
//	whether overrides are followed   of the policy's Gateway
//	claims, tokens                   of all Gateways that have some of its pods, since the filter
//	                                 makes headers of hosts, cookies and tokens for all of these
//
// It replaces the snapshot's lists, and depends on GatewayPods.
func EnforceGatewayPolicies(s *model.Snapshot) {
	e := &enforcer{s}
	s.GatewayPolicies, s.Gateways = slices.Clone(s.GatewayPolicies), slices.Clone(s.Gateways)
	s.KubernetesGateways = slices.Clone(s.KubernetesGateways)
	for i := range s.Gateways {
		g := &s.Gateways[i]
		g.Claims, g.Tokens, g.PinOnly, g.PinnedBy = nil, false, g.Unfollowed, ""
		if g.Unfollowed {
			g.PinnedBy = "it has the annotation " + followAnnotation + `: "false"`
		}
	}
	for i := range s.KubernetesGateways {
		s.KubernetesGateways[i].Tokens = false
	}
	for i := range s.GatewayPolicies {
		p := &s.GatewayPolicies[i]
		p.NotPermitted, p.Older = !e.isPermitted(p), diag.Object{}
		for j := range s.GatewayPolicies[:i] {
			if q := &s.GatewayPolicies[j]; q.Older.Name == "" && e.yields(p, q) {
				p.Older = q.Object()
				break
			}
		}
		if p.Older.Name == "" || p.Implied() && p.Older.Kind != v1alpha1.KindGatewayOverridePolicy {
			e.enforce(p) // its own Gateway needs no consent
		}
	}
}

// yields reports whether a policy is not in force since q, which comes before it, is. Of two
// implied ones both may be in force, since they only remove overrides: one yields if the other
// acts on all of its pods.
func (e *enforcer) yields(p, q *model.GatewayPolicy) bool {
	if !q.Implied() {
		return e.havePods(p, q)
	}
	return e.coversPods(q, e.podsOf(q), e.podsOf(p))
}

// enforcer applies policies of Gateways to a snapshot.
type enforcer struct{ *model.Snapshot }

// enforce applies a policy.
func (e *enforcer) enforce(p *model.GatewayPolicy) {
	if p.ForGatewayAPI() {
		e.enforceAtKubernetes(p)
		return
	}
	target := e.targetOf(p)
	if target == nil {
		return
	}
	for j := range e.Gateways {
		g := &e.Gateways[j]
		switch {
		case g != target:
		case p.Spec.Header == v1alpha1.HeaderClaim:
			g.PinOnly, g.PinnedBy = false, "" // its routes ask for claims
		case p.Spec.Follow != nil:
			g.PinOnly, g.PinnedBy = !*p.Spec.Follow, unfollowedBy(p)
		}
		if g == target || e.share(selectionOf(target), selectionOf(g), e.permits(p)) {
			e.applyRows(p, g)
		}
	}
}

// applyRows applies what a policy says about the rows of a Gateway with its filter.
func (e *enforcer) applyRows(p *model.GatewayPolicy, g *model.Gateway) {
	g.Tokens, g.Claims = p.Spec.Header == v1alpha1.HeaderToken, p.Claims()
}

// unfollowedBy says why a policy keeps its Gateway from following overrides.
func unfollowedBy(p *model.GatewayPolicy) string {
	if p.Implied() {
		return "no GatewayOverridePolicy is for " + p.Object().String() + ", and the default is to follow nothing that comes from outside"
	}
	return p.Object().String() + " has follow: false"
}

// enforceAtKubernetes applies a policy of a Gateway of the Gateway API.
func (e *enforcer) enforceAtKubernetes(p *model.GatewayPolicy) {
	for i := range e.KubernetesGateways {
		g := &e.KubernetesGateways[i]
		if g.Namespace != p.Namespace || g.Name != p.Spec.TargetRef.Name {
			continue
		}
		g.Tokens = p.Spec.Header == v1alpha1.HeaderToken
		if p.Spec.Follow == nil {
			continue
		}
		g.Ignored = ""
		if !*p.Spec.Follow {
			g.Ignored = unfollowedBy(p)
		}
	}
}

// targetOf returns the Gateway of Istio that a policy is for; nil if it is not there.
func (e *enforcer) targetOf(p *model.GatewayPolicy) *model.Gateway {
	at := slices.IndexFunc(e.Gateways, func(g model.Gateway) bool {
		return !p.ForGatewayAPI() && g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name
	})
	if at < 0 {
		return nil
	}
	return &e.Gateways[at]
}

// selection are pods with labels, in one namespace or, if that is empty, in any.
type selection struct {
	namespace string
	labels    map[string]string
}

func (s *selection) has(pods model.GatewayPods) bool {
	return (s.namespace == "" || s.namespace == pods.Namespace) && model.HasLabels(pods.Labels, s.labels)
}

// contains reports whether all pods that other selects are selected by s.
func (s *selection) contains(other *selection) bool {
	return (s.namespace == "" || s.namespace == other.namespace) && model.HasLabels(other.labels, s.labels)
}

func selectionOf(g *model.Gateway) *selection { return &selection{labels: g.Spec.GetSelector()} }

// podsOf returns the pods of a policy's Gateway; nil if that is not known.
func (e *enforcer) podsOf(p *model.GatewayPolicy) *selection {
	if p.ForGatewayAPI() {
		return &selection{namespace: p.Namespace, labels: map[string]string{model.GatewayNameLabel: p.Spec.TargetRef.Name}}
	}
	if target := e.targetOf(p); target != nil {
		return selectionOf(target)
	}
	return nil
}

// permits tells the namespaces where a policy may act on pods: its own, and those that permit
// policies of its namespace. Output that somebody applies by hand acts with their rights.
func (e *enforcer) permits(p *model.GatewayPolicy) func(namespace string) bool {
	return func(namespace string) bool { return e.PermitsPolicies(namespace, p.Namespace) }
}

// isPermitted reports whether a policy may act on some pods of its Gateway, if any are known.
func (e *enforcer) isPermitted(p *model.GatewayPolicy) bool {
	pods, permits := e.podsOf(p), e.permits(p)
	return pods == nil || !e.known(pods) || e.share(pods, pods, permits)
}

// havePods reports whether two policies are for one Gateway, or for Gateways that have some
// pods in common.
func (e *enforcer) havePods(p, q *model.GatewayPolicy) bool {
	if p.Namespace == q.Namespace && p.Spec.TargetRef == q.Spec.TargetRef {
		return true
	}
	a, b, permits, also := e.podsOf(p), e.podsOf(q), e.permits(p), e.permits(q)
	return a != nil && b != nil && e.share(a, b, func(namespace string) bool { return permits(namespace) && also(namespace) })
}

// share reports whether two selections have pods in common, in some namespaces. If no pods are
// known, it reports whether one contains the other.
func (e *enforcer) share(a, b *selection, in func(namespace string) bool) bool {
	if !e.known(a) && !e.known(b) {
		return a.contains(b) || b.contains(a)
	}
	return slices.ContainsFunc(e.GatewayPods, func(pods model.GatewayPods) bool { return in(pods.Namespace) && a.has(pods) && b.has(pods) })
}

// known reports whether pods of a selection are known.
func (e *enforcer) known(s *selection) bool { return slices.ContainsFunc(e.GatewayPods, s.has) }
