package discover

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// readAccess reads the access of a policy. One that can't be used is in mode Token too, and
// without a rule: no override is followed then.
func readAccess(out **model.Access, in *v1alpha1.Access, options *model.Options) error {
	switch {
	case in == nil:
		return nil
	case in.Mode == "" || in.Mode == v1alpha1.AccessHeader:
		if in.Token != nil {
			return errors.New("token needs mode Token")
		}
		return nil
	}
	rule, err := readTokenRule(in, options)
	if err != nil {
		*out = &model.Access{Why: err.Error()}
		return err
	}
	*out = &model.Access{Rule: rule}
	return nil
}

func readTokenRule(in *v1alpha1.Access, options *model.Options) (*model.TokenRule, error) {
	if in.Mode != v1alpha1.AccessToken {
		return nil, fmt.Errorf("mode: %q is neither %s nor %s", in.Mode, v1alpha1.AccessHeader, v1alpha1.AccessToken)
	}
	tokens := v1alpha1.AccessTokens{}
	if in.Token != nil {
		tokens = *in.Token
	}
	if tokens.JWKS == nil && tokens.JWKSService == nil {
		if options.Keys.Name == "" {
			return nil, errors.New("token: jwks or jwksService is needed, since the installation has no default (--token-jwks-service)")
		}
		tokens.JWKSService = &options.Keys
	}
	out := &model.TokenRule{}
	var err error
	if out.Tokens, err = model.AcceptedBy(&tokens.ValidTokens); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	for i := range tokens.From {
		if err := readTokenSource(out, &tokens.From[i]); err != nil {
			return nil, fmt.Errorf("token.from[%d]: %w", i, err)
		}
	}
	return out, nil
}

// defaultTokenMember is the key of the member of baggage that has a token. It is no override,
// which begins with "override." or is "override".
const defaultTokenMember = "overrides.token"

func readTokenSource(out *model.TokenRule, in *v1alpha1.TokenSource) error {
	switch {
	case in.Carrier == v1alpha1.TokenInBaggage && in.Tokens == nil && out.Member == "":
		out.Member = defaultTokenMember
		if in.Member != nil {
			out.Member = *in.Member
		}
		return checkTokenMember(out.Member)
	case in.Carrier == v1alpha1.TokenInAuthorization && in.Tokens != nil && in.Member == nil && out.Users == nil:
		users, err := model.AcceptedOfUsers(&in.Tokens.ValidTokens)
		if err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
		out.Users = &users
		return nil
	}
	return fmt.Errorf("want the carrier %s once, with tokens, and %s once, perhaps with member", v1alpha1.TokenInAuthorization, v1alpha1.TokenInBaggage)
}

// tokenMember is a key whose pattern is small enough for Envoy.
var tokenMember = regexp.MustCompile(`^[A-Za-z0-9._-]{1,24}$`)

func checkTokenMember(key string) error {
	switch {
	case !tokenMember.MatchString(key):
		return fmt.Errorf("member: %q is not a key: use letters, digits, \".\", \"_\" and \"-\", at most 24", key)
	case grammar.AnyBaggage([]string{key + "=x"}):
		return fmt.Errorf("member: %q is an override, which is removed", key)
	}
	return nil
}

// EnforceTokens decides where proxies take overrides from tokens alone, from the policies of a
// snapshot that are in force: in which namespaces, and at which gateways. Policies are those of
// the whole cluster.
func EnforceTokens(s *model.Snapshot, policies []model.Policy) {
	// A filter in Istio's root namespace would be for the whole mesh, so there is none.
	s.TokenNamespaces = slices.DeleteFunc(tokenNamespaces(policies), func(n model.TokenNamespace) bool { return n.Namespace == s.Options.RootNamespace })
	for i := range s.TokenNamespaces {
		n := &s.TokenNamespaces[i]
		if at := slices.IndexFunc(s.KubernetesGateways, func(g model.KubernetesGateway) bool { return g.Namespace == n.Namespace && isWaypoint(&g) }); at >= 0 {
			n.Waypoint = s.KubernetesGateways[at].Object()
		}
	}
	e := &enforcer{s}
	for i := range s.GatewayPolicies {
		if p := &s.GatewayPolicies[i]; p.InForce() && p.Spec.Header == v1alpha1.HeaderToken && p.Spec.Token != nil {
			e.enforceTokens(p)
		}
	}
}

// tokenNamespaces returns the namespaces with a policy whose access is in mode Token. Of several
// policies the oldest decides (of equal age, the first by name).
func tokenNamespaces(policies []model.Policy) []model.TokenNamespace {
	sorted := slices.SortedFunc(slices.Values(policies), func(a, b model.Policy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	var out []model.TokenNamespace
	for i := range sorted {
		p := &sorted[i]
		if p.Settings.Access == nil || len(out) > 0 && out[len(out)-1].Namespace == p.Namespace {
			continue
		}
		out = append(out, model.TokenNamespace{Namespace: p.Namespace, Access: p.Settings.Access, Policy: p.Object()})
	}
	return out
}

// enforceTokens gives the rule of a policy to the Gateways of which all pods have its filter.
func (e *enforcer) enforceTokens(p *model.GatewayPolicy) {
	accepted, err := model.AcceptedBy(&p.Spec.Token.ValidTokens)
	if err != nil {
		return // its filter only removes overrides
	}
	rule := &model.TokenRule{Tokens: accepted}
	if p.ForGatewayAPI() {
		for i := range e.KubernetesGateways {
			if g := &e.KubernetesGateways[i]; g.Namespace == p.Namespace && g.Name == p.Spec.TargetRef.Name {
				g.TokenRule, g.TokenPolicy = rule, p.Object()
			}
		}
		return
	}
	target := e.targetOf(p)
	if target == nil || len(target.Spec.GetSelector()) == 0 {
		return
	}
	for i := range e.Gateways {
		if g := &e.Gateways[i]; e.coversPods(p, selectionOf(target), selectionOf(g)) {
			g.TokenRule, g.TokenPolicy = rule, p.Object()
		}
	}
}

// coversPods reports whether the filter that p has made for some pods is at all of others.
func (e *enforcer) coversPods(p *model.GatewayPolicy, filtered, pods *selection) bool {
	if !e.known(pods) {
		return filtered.contains(pods)
	}
	return !slices.ContainsFunc(e.GatewayPods, func(g model.GatewayPods) bool {
		return pods.has(g) && (!filtered.has(g) || !e.PermitsPolicies(g.Namespace, p.Namespace))
	})
}
