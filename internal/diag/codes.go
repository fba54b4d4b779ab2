package diag

import "slices"

// Code is the stable name of a kind of diagnostic. It is also valid as the reason of an
// Event or of a condition.
type Code string

// Entry describes one code.
type Entry struct {
	Code     Code
	Severity Severity
	// Meaning explains the state for the reference page.
	Meaning string
	// Fix is the general advice; a diagnostic may carry a better one.
	Fix string
}

// The codes, grouped by subject. Their texts are in entries.go, entries_preview.go and entries_edge.go.
const (
	// Reading.
	BrokenDocument        Code = "BrokenDocument"
	UnreadableFile        Code = "UnreadableFile"
	NotAnObject           Code = "NotAnObject"
	UndecodableObject     Code = "UndecodableObject"
	DuplicateObject       Code = "DuplicateObject"
	ChartNotRendered      Code = "ChartNotRendered"
	KustomizationNotBuilt Code = "KustomizationNotBuilt"
	EmptyInput            Code = "EmptyInput"
	NoServices            Code = "NoServices"
	OtherKindOfService    Code = "OtherKindOfService"
	Forbidden             Code = "Forbidden"
	UnknownField          Code = "UnknownField"

	// Settings.
	InvalidAnnotation    Code = "InvalidAnnotation"
	InvalidPolicy        Code = "InvalidPolicy"
	PolicyTargetNotFound Code = "PolicyTargetNotFound"
	PolicyConflict       Code = "PolicyConflict"
	MeshConfigInvalid    Code = "MeshConfigInvalid"
	MeshConfigsDiffer    Code = "MeshConfigsDiffer"
	MeshConfigUnread     Code = "MeshConfigUnread"

	// Services that are left alone.
	ExternalNameService    Code = "ExternalNameService"
	NoSelector             Code = "NoSelector"
	NoHTTPPort             Code = "NoHTTPPort"
	HeadlessService        Code = "HeadlessService"
	KubernetesService      Code = "KubernetesService"
	OptedOut               Code = "OptedOut"
	ReleasedUnknown        Code = "ReleasedUnknown"
	RolloutService         Code = "RolloutService"
	ServiceNameUnsupported Code = "ServiceNameUnsupported"

	// Versions and ordinary traffic.
	ReleasedNotFound         Code = "ReleasedNotFound"
	ReleasedNotReady         Code = "ReleasedNotReady"
	ReleasedGone             Code = "ReleasedGone"
	ReleasedStandIn          Code = "ReleasedStandIn"
	PinnedByVersion          Code = "PinnedByVersion"
	OrdinaryTrafficShared    Code = "OrdinaryTrafficShared"
	OrdinaryTrafficNotPinned Code = "OrdinaryTrafficNotPinned"
	NoReadyPod               Code = "NoReadyPod"
	NonHTTPPortShared        Code = "NonHTTPPortShared"
	SelectsNothing           Code = "SelectsNothing"
	PreviewUnselected        Code = "PreviewUnselected"
	SelectorMismatch         Code = "SelectorMismatch"
	NoVersionLabel           Code = "NoVersionLabel"
	VersionLabelElsewhere    Code = "VersionLabelElsewhere"
	VersionShared            Code = "VersionShared"
	InvalidVersion           Code = "InvalidVersion"
	VersionNotReady          Code = "VersionNotReady"
	AmbiguousServiceName     Code = "AmbiguousServiceName"
	IsolatedBaseNotFound     Code = "IsolatedBaseNotFound"
	IsolatedNoVersion        Code = "IsolatedNoVersion"
	IsolatedUnreachable      Code = "IsolatedUnreachable"
	IsolatedSelectsReleased  Code = "IsolatedSelectsReleased"
	PreviewExpired           Code = "PreviewExpired"
	ExpiresIgnored           Code = "ExpiresIgnored"
	PreviewNotPermitted      Code = "PreviewNotPermitted"
	PreviewsRefused          Code = "PreviewsRefused"

	// Objects of the user.
	VirtualServiceAdopted      Code = "VirtualServiceAdopted"
	VirtualServiceDelegatedTo  Code = "VirtualServiceDelegatedTo"
	SteeredRoutesCopied        Code = "SteeredRoutesCopied"
	SteeredRoutesFrozen        Code = "SteeredRoutesFrozen"
	SteeredSelectorNotKnown    Code = "SteeredSelectorNotKnown"
	DroppedByController        Code = "DroppedByController"
	PinFrozen                  Code = "PinFrozen"
	VirtualServiceOfCaller     Code = "VirtualServiceOfCaller"
	VirtualServiceScoped       Code = "VirtualServiceScoped"
	VirtualServiceNotHTTP      Code = "VirtualServiceNotHTTP"
	VirtualServiceAmbiguous    Code = "VirtualServiceAmbiguous"
	VirtualServiceUnknownField Code = "VirtualServiceUnknownField"
	VirtualServiceUsesCarrier  Code = "VirtualServiceUsesCarrier"
	VirtualServiceInvalid      Code = "VirtualServiceInvalid"
	VirtualServiceElsewhere    Code = "VirtualServiceElsewhere"
	DelegateNotFound           Code = "DelegateNotFound"
	DelegateRouteDropped       Code = "DelegateRouteDropped"
	GatewayRoutes              Code = "GatewayRoutes"
	ServiceRouteInTheWay       Code = "ServiceRouteInTheWay"
	DestinationRuleInvalid     Code = "DestinationRuleInvalid"
	DestinationRuleUnmergeable Code = "DestinationRuleUnmergeable"
	DestinationRuleOfCaller    Code = "DestinationRuleOfCaller"
	DestinationRuleCopied      Code = "DestinationRuleCopied"
	TooManyCallers             Code = "TooManyCallers"
	OrdinaryTrafficWouldChange Code = "OrdinaryTrafficWouldChange"
	AffinityLost               Code = "AffinityLost"
	CallersNotPinned           Code = "CallersNotPinned"
	SubsetHoldsPreview         Code = "SubsetHoldsPreview"
	ServiceEntryReachesPods    Code = "ServiceEntryReachesPods"
	EntranceNotPinned          Code = "EntranceNotPinned"
	ExposedWithoutMesh         Code = "ExposedWithoutMesh"
	CallersWithoutSidecar      Code = "CallersWithoutSidecar"
	NamespaceWithoutSidecars   Code = "NamespaceWithoutSidecars"
	DetectedPortShared         Code = "DetectedPortShared"
	UnreadEndpoints            Code = "UnreadEndpoints"
	HostContested              Code = "HostContested"

	// Output.
	NameTaken      Code = "NameTaken"
	PatternInvalid Code = "PatternInvalid"
	TooManyRoutes  Code = "TooManyRoutes"
	TooManyGrants  Code = "TooManyGrants"
	ObjectTooLarge Code = "ObjectTooLarge"
	ObjectInvalid  Code = "ObjectInvalid"
	NotInDemo      Code = "NotInDemo"

	// Writing to a cluster.
	FieldConflict       Code = "FieldConflict"
	ObjectRefused       Code = "ObjectRefused"
	OtherInstance       Code = "OtherInstance"
	WriteUndone         Code = "WriteUndone"
	NamespaceNotManaged Code = "NamespaceNotManaged"
	VersionLabelUnused  Code = "VersionLabelUnused"

	// Kubernetes Gateways, and Ingresses.
	GatewayNeedsService Code = "GatewayNeedsService"
	GatewayNeedsGrant   Code = "GatewayNeedsGrant"
	GatewayTooManyRules Code = "GatewayTooManyRules"
	IngressNotFollowed  Code = "IngressNotFollowed"

	// Printing a preview.
	PreviewServiceLeftAlone    Code = "PreviewServiceLeftAlone"
	PreviewSourceNotFound      Code = "PreviewSourceNotFound"
	PreviewSourceUnusable      Code = "PreviewSourceUnusable"
	PreviewContainerUnknown    Code = "PreviewContainerUnknown"
	PreviewExists              Code = "PreviewExists"
	PreviewNotRoutable         Code = "PreviewNotRoutable"
	PreviewIsolated            Code = "PreviewIsolated"
	PreviewShared              Code = "PreviewShared"
	PreviewLabelsDiffer        Code = "PreviewLabelsDiffer"
	PreviewPartLeftOut         Code = "PreviewPartLeftOut"
	PreviewSharesVolume        Code = "PreviewSharesVolume"
	PreviewNeedsObjects        Code = "PreviewNeedsObjects"
	PreviewContainerNotExposed Code = "PreviewContainerNotExposed"
	PreviewImageKept           Code = "PreviewImageKept"

	// Printing an entry at a gateway.
	EdgeGatewayNotKnown Code = "EdgeGatewayNotKnown"
	EdgeHostTaken       Code = "EdgeHostTaken"
	EdgeHostNotServed   Code = "EdgeHostNotServed"
	EdgeHostUnserved    Code = "EdgeHostUnserved"
	EdgePartLeftOut     Code = "EdgePartLeftOut"
	EdgeOrderMatters    Code = "EdgeOrderMatters"

	// Policies of gateways.
	EdgePolicyInvalid        Code = "EdgePolicyInvalid"
	EdgePolicyTargetNotFound Code = "EdgePolicyTargetNotFound"
	EdgePolicyConflict       Code = "EdgePolicyConflict"
	EdgeProxyTooOld          Code = "EdgeProxyTooOld"
	EdgeClaimNotChecked      Code = "EdgeClaimNotChecked"
	EdgeGuardNotHTTP         Code = "EdgeGuardNotHTTP"
	EdgeOtherAuthorizer      Code = "EdgeOtherAuthorizer"
	EdgeNotPermitted         Code = "EdgeNotPermitted"
	EdgeDefaultNotInForce    Code = "EdgeDefaultNotInForce"
	EdgeCutsStreams          Code = "EdgeCutsStreams"

	// Access in mode Token.
	AccessConflict      Code = "AccessConflict"
	AccessNotAtGateway  Code = "AccessNotAtGateway"
	AccessFilterAwaited Code = "AccessFilterAwaited"
	AccessCutsStreams   Code = "AccessCutsStreams"
	AccessNoFilter      Code = "AccessNoFilter"
	AccessKeysHidden    Code = "AccessKeysHidden"
	AccessUnguarded     Code = "AccessUnguarded"

	// Forwarding by sidecars.
	ForwardingNoFilter      Code = "ForwardingNoFilter"
	ForwardingNoSidecar     Code = "ForwardingNoSidecar"
	ForwardingFilterAwaited Code = "ForwardingFilterAwaited"
	ForwardingCutsStreams   Code = "ForwardingCutsStreams"

	// About closed previews: the Service that has them.
	ClosedTo         Code = "ClosedTo"
	ClosedToNobody   Code = "ClosedToNobody"
	ClosedWider      Code = "ClosedWider"
	ClosedImpossible Code = "ClosedImpossible"
)

// Codes returns the list of codes with their texts, in the order of codes.go.
func Codes() []Entry {
	return slices.Concat(entries, gatewayEntries, previewEntries, edgeEntries, accessEntries, forwardingEntries, closedEntries)
}

// Entry returns the texts of c. A code that is not in the list is an error without
// advice, so that it is still reported.
func (c Code) Entry() Entry {
	for _, list := range [][]Entry{entries, gatewayEntries, previewEntries, edgeEntries, accessEntries, forwardingEntries, closedEntries} {
		for _, entry := range list {
			if entry.Code == c {
				return entry
			}
		}
	}
	return Entry{Code: c, Severity: Error}
}
