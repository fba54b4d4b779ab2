package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ValidTokens says which tokens are valid: who issues them, for whom, for how long, and whose keys
// sign them.
type ValidTokens struct {
	// Issuer is the issuer of the tokens (claim iss).
	// +optional
	// +kubebuilder:default="overrides.mesh"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Issuer string `json:"issuer,omitempty"`

	// Audience is whom the tokens are for (claim aud).
	// +optional
	// +kubebuilder:default="overrides"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Audience string `json:"audience,omitempty"`

	// MaxLifetime is the longest lifetime of a token that is accepted. Defaults to 24h.
	// +optional
	// +kubebuilder:default="24h"
	MaxLifetime metav1.Duration `json:"maxLifetime,omitzero"`

	// JWKS are the public keys of the tokens, a JSON Web Key Set. A change of them replaces the
	// filter, which cuts long streams.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	JWKS *string `json:"jwks,omitempty"`

	// JWKSService serves the public keys. They can change without a change of the filter.
	// +optional
	JWKSService *KeyService `json:"jwksService,omitempty"`
}

// KeyService is a Service of the cluster that serves public keys by HTTP.
type KeyService struct {
	// Name and Namespace name the Service.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`

	// Port is the port of the Service. Defaults to 80.
	// +optional
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// Path is the path of the key set. Defaults to /jwks.json.
	// +optional
	// +kubebuilder:default="/jwks.json"
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9._~/-]*$`
	Path string `json:"path,omitempty"`
}

// Access says whose overrides the Services follow.
//
// +kubebuilder:validation:XValidation:rule="!has(self.token) || self.mode == 'Token'",message="token needs mode Token",fieldPath=".token"
type Access struct {
	// Mode says what overrides are taken from: from the header and baggage of every request
	// (Header), or from valid tokens alone (Token). With Token, the sidecars of the policy's
	// namespace take the overrides of all calls made there from tokens, and calls from other
	// namespaces count only if the sidecars there do so too, by the same rule. Defaults to Header.
	// +optional
	// +kubebuilder:default=Header
	Mode AccessMode `json:"mode,omitempty"`

	// Token says which tokens are valid, for mode Token. Its keys, or all of it, default to the
	// installation's setting.
	// +optional
	Token *AccessTokens `json:"token,omitempty"`
}

// AccessMode says what overrides are taken from.
//
// +kubebuilder:validation:Enum=Header;Token
type AccessMode string

const (
	// AccessHeader takes overrides from the header and from baggage, whoever set them.
	AccessHeader AccessMode = "Header"
	// AccessToken takes overrides from valid tokens alone.
	AccessToken AccessMode = "Token"
)

// AccessTokens says which override tokens are valid, and where sidecars find them: in the header
// x-override-token (the name of the override header with -token), and in what From lists.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.jwks) && has(self.jwksService))",message="jwks and jwksService exclude each other"
type AccessTokens struct {
	ValidTokens `json:",inline"`

	// From lists where else sidecars find tokens. The header x-override-token counts first, then
	// the others in this order.
	// +optional
	// +listType=map
	// +listMapKey=carrier
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	From []TokenSource `json:"from,omitempty"`
}

// TokenSource is a place where sidecars find tokens.
//
// +kubebuilder:validation:XValidation:rule="(self.carrier == 'Authorization') == has(self.tokens)",message="tokens is needed for the carrier Authorization, and for no other",fieldPath=".tokens"
// +kubebuilder:validation:XValidation:rule="self.carrier == 'Baggage' || !has(self.member)",message="member needs the carrier Baggage",fieldPath=".member"
type TokenSource struct {
	// Carrier is what holds the token: the header authorization, whose tokens are those of your
	// users, with the claim override (Authorization); or a member of W3C Baggage (Baggage).
	// +required
	Carrier TokenCarrier `json:"carrier"`

	// Member is the key of the member of baggage. Defaults to overrides.token.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	// +kubebuilder:validation:XValidation:rule="self != 'override' && !self.startsWith('override.')",message="members of that name are overrides, which are removed"
	Member *string `json:"member,omitempty"`

	// Tokens says which tokens are valid in the header authorization.
	// +optional
	Tokens *UserTokens `json:"tokens,omitempty"`
}

// UserTokens says which tokens of users are valid.
//
// +kubebuilder:validation:XValidation:rule="has(self.jwks) != has(self.jwksService)",message="exactly one of jwks and jwksService is needed"
type UserTokens struct {
	ValidTokens `json:",inline"`
}

// TokenCarrier is what holds a token.
//
// +kubebuilder:validation:Enum=Authorization;Baggage
type TokenCarrier string

const (
	// TokenInAuthorization is the header authorization, behind "Bearer ".
	TokenInAuthorization TokenCarrier = "Authorization"
	// TokenInBaggage is a member of the header baggage.
	TokenInBaggage TokenCarrier = "Baggage"
)
