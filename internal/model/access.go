package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/token"
)

// TokenRule says which override tokens are accepted, and where proxies find them.
type TokenRule struct {
	// Tokens are those in the header of override tokens.
	Tokens AcceptedTokens `json:"tokens"`
	// Users are those in the header authorization; nil for none.
	Users *AcceptedTokens `json:"users,omitempty"`
	// Member is the key of the member of baggage that has a token of Tokens; empty for none.
	Member string `json:"member,omitempty"`
}

// AcceptedTokens says which tokens are accepted.
type AcceptedTokens struct {
	Issuer      string        `json:"issuer"`
	Audience    string        `json:"audience"`
	MaxLifetime time.Duration `json:"maxLifetime"`
	// Keys is a JSON Web Key Set that was checked; empty if KeysFrom serves it.
	Keys     string              `json:"keys,omitempty"`
	KeysFrom v1alpha1.KeyService `json:"keysFrom,omitzero"`
}

// AcceptedBy returns what a policy says about override tokens, with the defaults of its definition,
// which manifests don't have.
func AcceptedBy(valid *v1alpha1.ValidTokens) (AcceptedTokens, error) {
	return accepted(valid, token.ParseKeySet)
}

// AcceptedOfUsers is [AcceptedBy] for the tokens of users, which others issue.
func AcceptedOfUsers(valid *v1alpha1.ValidTokens) (AcceptedTokens, error) {
	return accepted(valid, token.ParseUserKeySet)
}

func accepted(valid *v1alpha1.ValidTokens, parse func([]byte) (*token.KeySet, error)) (AcceptedTokens, error) {
	out := AcceptedTokens{
		Issuer: cmp.Or(valid.Issuer, token.DefaultIssuer), Audience: cmp.Or(valid.Audience, token.DefaultAudience),
		MaxLifetime: cmp.Or(valid.MaxLifetime.Duration, token.DefaultMaxLifetime),
	}
	if (valid.JWKS == nil) == (valid.JWKSService == nil) {
		return out, errors.New("exactly one of jwks and jwksService is needed")
	}
	if out.MaxLifetime < time.Second {
		return out, fmt.Errorf("maxLifetime: %v is shorter than a second", out.MaxLifetime)
	}
	if from := valid.JWKSService; from != nil {
		out.KeysFrom = *from
		out.KeysFrom.Port, out.KeysFrom.Path = cmp.Or(from.Port, 80), cmp.Or(from.Path, "/jwks.json")
		return out, nil
	}
	keys, err := parse([]byte(*valid.JWKS))
	if err != nil {
		return out, fmt.Errorf("jwks: %w", err)
	}
	text, err := keys.MarshalJSON()
	out.Keys = string(text)
	return out, err
}

// within reports whether every token that r accepts is accepted by another rule, too. Carriers
// don't count: they only say where a token is.
func (r *TokenRule) within(allowed *TokenRule) bool {
	for _, t := range []*AcceptedTokens{&r.Tokens, r.Users} {
		if t != nil && !t.within(&allowed.Tokens) && (allowed.Users == nil || !t.within(allowed.Users)) {
			return false
		}
	}
	return true
}

func (t *AcceptedTokens) within(allowed *AcceptedTokens) bool {
	same := *t
	same.MaxLifetime = allowed.MaxLifetime
	return same == *allowed && t.MaxLifetime <= allowed.MaxLifetime
}

// Access is what a policy with access in mode Token says.
type Access struct {
	// Rule says which tokens are accepted; nil if the policy does not say so in a way that can be
	// used: then no override is followed, and Why has the reason.
	Rule *TokenRule
	Why  string
}

// String returns all that a says, for comparisons.
func (a *Access) String() string {
	if a.Rule == nil {
		return a.Why
	}
	return a.Rule.String()
}

// String returns all that r says, for comparisons.
func (r *TokenRule) String() string {
	if r.Users == nil {
		return fmt.Sprintf("%+v %s", r.Tokens, r.Member)
	}
	return fmt.Sprintf("%+v %s %+v", r.Tokens, r.Member, *r.Users)
}

// Admits reports whether overrides to a Service with this access may be followed by proxies that
// take overrides from the tokens of another rule, and from nothing else. That rule must not accept
// tokens that this one does not accept: otherwise whoever may change it, in another namespace,
// decides who reaches previews here.
func (a *Access) Admits(rule *TokenRule) bool {
	return a.Rule != nil && rule != nil && rule.within(a.Rule)
}

// TokenNamespace is a namespace with a policy whose access is in mode Token: its sidecars take
// overrides from tokens alone.
type TokenNamespace struct {
	Namespace string
	// Access is that of the policy in force, which is the oldest; Policy is its name.
	Access *Access
	Policy diag.Object
	// Waypoint is a waypoint of the ambient mesh in the namespace; zero for none.
	Waypoint diag.Object
}

// TokenNamespaceOf returns the entry of a namespace; nil for none.
func (s *Snapshot) TokenNamespaceOf(namespace string) *TokenNamespace {
	at := slices.IndexFunc(s.TokenNamespaces, func(n TokenNamespace) bool { return n.Namespace == namespace })
	if at < 0 {
		return nil
	}
	return &s.TokenNamespaces[at]
}

// HasFilter reports whether proxies have the filter that is made for a policy of a gateway, or for
// a namespace (see [NamespaceObject]). What somebody applies by hand has it first.
func (s *Snapshot) HasFilter(of diag.Object) bool {
	return !s.Options.AwaitFilters || slices.Contains(s.Filters, of)
}

// NamespaceObject names a namespace.
func NamespaceObject(name string) diag.Object { return diag.Object{Kind: "Namespace", Name: name} }

// ForwardingFilter names the filter with which sidecars of a namespace carry overrides through
// their programs.
func ForwardingFilter(namespace string) diag.Object {
	return diag.Object{Kind: "EnvoyFilter", Namespace: namespace, Name: "forwarding-overrides"}
}
