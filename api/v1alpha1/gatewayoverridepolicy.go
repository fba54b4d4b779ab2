package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GatewayOverridePolicy says whose overrides a gateway follows, and from what they are made.
//
// If several policies are for one Gateway, or for Gateways with common pods, the oldest is in
// force (of equal age, the first by name); the others report Accepted=False with the reason
// Conflicted.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:shortName=govp,categories=overrides
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=Direct"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`,description="The Gateway."
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.ancestors[0].conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Programmed",type=string,JSONPath=`.status.ancestors[0].conditions[?(@.type=="Programmed")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type GatewayOverridePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the wanted state.
	// +required
	Spec GatewayOverridePolicySpec `json:"spec"`

	// Status is the observed state.
	// +optional
	Status GatewayOverridePolicyStatus `json:"status,omitzero"`
}

// GatewayOverridePolicyList is a list of GatewayOverridePolicies.
//
// +kubebuilder:object:root=true
type GatewayOverridePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []GatewayOverridePolicy `json:"items"`
}

// GatewayOverridePolicySpec says whose overrides a gateway follows, and from what they are
// made.
//
// +kubebuilder:validation:XValidation:rule="!has(self.link) || !self.link || has(self.cookie)",message="link needs cookie: it sets that cookie",fieldPath=".link"
// +kubebuilder:validation:XValidation:rule="(self.header == 'Token') == has(self.token)",message="header Token and token need each other",fieldPath=".token"
// +kubebuilder:validation:XValidation:rule="!has(self.token) || !(has(self.cookie) || has(self.previewHosts))",message="with tokens, only these ask for versions: no cookie and no previewHosts",fieldPath=".token"
// +kubebuilder:validation:XValidation:rule="!has(self.require) || !has(self.extAuthz)",message="require and extAuthz exclude each other"
// +kubebuilder:validation:XValidation:rule="(self.header == 'Claim') == has(self.claims)",message="header Claim and claims need each other",fieldPath=".claims"
// +kubebuilder:validation:XValidation:rule="!has(self.claims) || !(has(self.require) || has(self.extAuthz))",message="claims are a guard: neither require nor extAuthz is possible beside them",fieldPath=".claims"
// +kubebuilder:validation:XValidation:rule="!has(self.claims) || !has(self.follow) || self.follow",message="the routes of a gateway that follows overrides ask for claims: follow must not be false",fieldPath=".claims"
// +kubebuilder:validation:XValidation:rule="!has(self.claims) || self.targetRef.group != 'gateway.networking.k8s.io'",message="claims are not possible for Gateways of the Gateway API, whose HTTPRoutes can't match them: use header Token, or require with mode Hard",fieldPath=".claims"
// +kubebuilder:validation:XValidation:rule="!has(self.require) || self.require.mode != 'Soft' || self.targetRef.group != 'gateway.networking.k8s.io'",message="a soft guard is not possible for Gateways of the Gateway API: use mode Hard",fieldPath=".require"
type GatewayOverridePolicySpec struct {
	// TargetRef references the Gateway of this policy, of Istio or of the Gateway API. It is
	// in the policy's namespace.
	// +required
	TargetRef GatewayReference `json:"targetRef"`

	// Follow says whether the gateway itself follows overrides. If false, it pins ordinary
	// requests, and passes the header on to the next hop. Defaults to true, or to the
	// annotation overrides.mesh/follow of the Gateway.
	// +optional
	Follow *bool `json:"follow,omitempty"`

	// Header says what becomes of overrides that a request brings: Strip removes them, Trust
	// keeps them, Token removes them and follows what a valid token permits, Claim keeps those
	// that the user's claims permit. With Claim, require or extAuthz, those in baggage are
	// removed in any case.
	// +optional
	// +kubebuilder:default=Strip
	Header HeaderMode `json:"header,omitempty"`

	// PreviewHosts lists hosts that ask for a set by their name.
	// +optional
	// +listType=map
	// +listMapKey=host
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	PreviewHosts []PreviewHost `json:"previewHosts,omitempty"`

	// Cookie is the name of a cookie that asks for a set, or for up to three members joined
	// by "~".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	Cookie *string `json:"cookie,omitempty"`

	// Link says whether GET requests with the parameter x-override (the name of the override
	// header) are answered by setting the cookie, and lead to the page without the parameter.
	// Defaults to false.
	// +optional
	Link *bool `json:"link,omitempty"`

	// Token says which tokens are valid, for header Token.
	// +optional
	Token *TokenRule `json:"token,omitempty"`

	// Claims say which users may ask for which overrides, for header Claim.
	// +optional
	Claims *ClaimRules `json:"claims,omitempty"`

	// Require is the claim that users need for overrides.
	// +optional
	Require *RequiredClaim `json:"require,omitempty"`

	// ExtAuthz names an external authorizer of the mesh configuration (extensionProviders)
	// that is asked about each request with an override.
	// +optional
	ExtAuthz *ExternalAuthorizer `json:"extAuthz,omitempty"`
}

// GatewayReference references a Gateway in the policy's namespace.
//
// +kubebuilder:validation:XValidation:rule="self.kind == 'Gateway' && self.group in ['networking.istio.io', 'gateway.networking.k8s.io']",message="only Gateways can be targeted: kind Gateway, group networking.istio.io or gateway.networking.k8s.io"
type GatewayReference struct {
	// Group is the API group of the target: networking.istio.io, or gateway.networking.k8s.io
	// for a Gateway of the Gateway API.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group"`

	// Kind is the kind of the target: Gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// Name is the name of the target.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// HeaderMode says what becomes of overrides that a request brings to a gateway.
//
// +kubebuilder:validation:Enum=Strip;Trust;Token;Claim
type HeaderMode string

const (
	// HeaderStrip removes them.
	HeaderStrip HeaderMode = "Strip"
	// HeaderTrust keeps them.
	HeaderTrust HeaderMode = "Trust"
	// HeaderToken removes them, and makes new ones of valid tokens.
	HeaderToken HeaderMode = "Token"
	// HeaderClaim keeps those that the claims of the user's token permit.
	HeaderClaim HeaderMode = "Claim"
)

// TokenRule says which override tokens are valid, and where a gateway finds them: in the header
// x-override-token (the name of the override header with -token), and in a cookie.
//
// +kubebuilder:validation:XValidation:rule="has(self.jwks) != has(self.jwksService)",message="exactly one of jwks and jwksService is needed"
// +kubebuilder:validation:XValidation:rule="!has(self.link) || !self.link || has(self.cookie)",message="link needs cookie: it sets that cookie",fieldPath=".link"
type TokenRule struct {
	ValidTokens `json:",inline"`

	// Cookie is the name of a cookie with a token.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	Cookie *string `json:"cookie,omitempty"`

	// Link says whether GET requests with the parameter x-override-token are answered by setting
	// the cookie, and lead to the page without the parameter. Defaults to false.
	// +optional
	Link *bool `json:"link,omitempty"`
}

// PreviewHost is a domain whose hosts are previews of an ordinary host. No ordinary host may be
// one of them: the policy is not accepted then.
type PreviewHost struct {
	// Host is the preview hosts: *.DOMAIN. A request for NAME.DOMAIN asks for the set NAME.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^\*(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){2,12}$`
	Host string `json:"host"`

	// For is the ordinary host, whose routes the preview hosts have.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$`
	For string `json:"for"`
}

// ClaimRules say which users may ask for which overrides, by the claims of their tokens, which a
// RequestAuthentication of the gateway checks. A request whose override has a member that no rule
// for its user permits is an ordinary one, and loses the override.
type ClaimRules struct {
	// Issuer is the issuer of the tokens (the claim iss). A RequestAuthentication for the
	// gateway's pods must have a rule for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Issuer string `json:"issuer"`

	// Rules permit overrides. What a user may ask for is what all rules together permit whose
	// claim the user has.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Rules []ClaimRule `json:"rules"`
}

// ClaimRule permits overrides to users with a claim.
type ClaimRule struct {
	// Claim is the name of the claim, which is a string or a list of strings.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_:/.-]+$`
	Claim string `json:"claim"`

	// Values are the values of which the claim must have one.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[^*]+$`
	Values []string `json:"values"`

	// Overrides are the members that the users may ask for: "cart.shop:pr-118", "cart.shop:*",
	// "*.shop:pr-*". "*" in the place of the service stands for every service, and for the set of
	// the version; in a version it stands for any text. One without a namespace is for all
	// namespaces, and only such a one permits members without a namespace.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=191
	// +kubebuilder:validation:items:Pattern=`^(\*|[a-z]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)?:[A-Za-z0-9._*-]+$`
	Overrides []string `json:"overrides"`
}

// RequiredClaim is the claim that users need for overrides, in a token that a
// RequestAuthentication of the gateway checks.
type RequiredClaim struct {
	// Issuer is the issuer of the token (the claim iss). A RequestAuthentication for the
	// gateway's pods must have a rule for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Issuer string `json:"issuer"`

	// Claim is the name of the claim, which is a string or a list of strings.
	// +required
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_:/.-]+$`
	Claim string `json:"claim"`

	// Values are the values of which the claim must have one.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[^*]+$`
	Values []string `json:"values"`

	// Mode says what requests with an override and without the claim get: Hard answers with
	// 403, Soft takes the override away. Defaults to Hard.
	// +optional
	// +kubebuilder:default=Hard
	Mode GuardMode `json:"mode,omitempty"`
}

// GuardMode says what requests with an override and without the required claim get.
//
// +kubebuilder:validation:Enum=Hard;Soft
type GuardMode string

const (
	// GuardHard answers with 403.
	GuardHard GuardMode = "Hard"
	// GuardSoft takes the override away: the request is an ordinary one.
	GuardSoft GuardMode = "Soft"
)

// ExternalAuthorizer names an external authorizer of the mesh.
type ExternalAuthorizer struct {
	// Provider is its name in extensionProviders of the mesh configuration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Provider string `json:"provider"`
}

// GatewayOverridePolicyStatus is the observed state of a policy, in the form of the Gateway
// API's PolicyStatus.
type GatewayOverridePolicyStatus struct {
	// Ancestors has one entry, for spec.targetRef.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Ancestors []AncestorStatus `json:"ancestors,omitempty"`
}

// AncestorStatus is the observed state of a policy for its Gateway.
type AncestorStatus struct {
	// AncestorRef is the Gateway, as in spec.targetRef.
	// +required
	AncestorRef GatewayReference `json:"ancestorRef"`

	// ControllerName is overrides.mesh/operator.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ControllerName string `json:"controllerName"`

	// Conditions are Accepted and Programmed. Their observedGeneration is the generation of
	// the policy that they describe.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ControllerName is the controller in the status of a [GatewayOverridePolicy].
const ControllerName = GroupName + "/operator"

// PolicyReasonNotInForce is used for Programmed=False of a [GatewayOverridePolicy] whose
// objects can't be made, or not all of them; the message has the reason.
const PolicyReasonNotInForce = "NotInForce"
