package compiletest

import (
	"math/bits"
	"strings"
)

// Shapes is a set of shapes that generated clusters may have.
type Shapes uint64

// Plain has no shape: Services with HTTP ports and a few VirtualServices and
// DestinationRules. Its draws never change, so that seeds of failures stay good.
const Plain Shapes = 0

const (
	// Spellings are hosts of VirtualServices as "cart", "cart.shop",
	// "cart.shop.svc", fully qualified, in capitals, and several of one Service.
	Spellings Shapes = 1 << iota
	// PartialNames are names such as "cart.shop" as hosts whose routes lead to
	// another Service.
	PartialNames
	// PublicNames are hosts that are no Service's, alone or beside one.
	PublicNames
	// Wildcards are hosts such as "*.shop.svc.cluster.local" and "*.local".
	Wildcards
	// Aliases are ExternalName Services for other Services, as hosts and as destinations.
	Aliases
	// ServiceEntries have hosts of their own, also over the pods of a Service.
	ServiceEntries
	// EntriesOfServices are ServiceEntries whose host is that of a Service.
	EntriesOfServices
	// Revisions label namespaces and objects of Istio's.
	Revisions
	// Sidecars limit what proxies import.
	Sidecars
	// MeshDefaults are exportTo of the mesh configuration.
	MeshDefaults
	// ServiceExports annotate Services with exportTo.
	ServiceExports
	// PrivateRules are VirtualServices and DestinationRules that some namespaces
	// see, also in the root namespace and in those of callers.
	PrivateRules
	// RuleSelectors are DestinationRules for some callers' pods.
	RuleSelectors
	// Subsets are destinations with a subset, which a rule may have or lack.
	Subsets
	// WideSubsets are subsets that hold released pods and previews.
	WideSubsets
	// Affinity is load balancing by a hash.
	Affinity
	// Mirrors copy requests, also in VirtualServices that lead elsewhere.
	Mirrors
	// CallerRoutes are routes for some callers.
	CallerRoutes
	// Gateways are VirtualServices and routes on gateways, with and without mesh.
	Gateways
	// PortRoutes are routes for some ports, with and without one for all.
	PortRoutes
	// Delegates are missing, private, or in conflict with what delegates to them.
	Delegates
	// OtherProtocols are VirtualServices with tls and tcp routes.
	OtherProtocols
	// Kept is everything of a route that has to stay as it was.
	Kept
	// Matches are of every kind.
	Matches
	// HeaderSpellings are matches on one header under two spellings.
	HeaderSpellings
	// LongPatterns are regular expressions near Istio's limit.
	LongPatterns
	// BaggageMatches are matches on a header that carries overrides.
	BaggageMatches
	// Weights are 0, or large, or of many pods.
	Weights
	// Ages are unknown, equal, older and younger than what is made at [Made].
	Ages
	// Ports are several, declared and detected, some not for HTTP.
	Ports
	// Unready are released versions none of whose pods is ready.
	Unready
	// Unread are endpoints that are read from no workload.
	Unread
	// Doors are ways to pods that no sidecar of a caller is part of.
	Doors
	// Names are such as are valid and unusual, or meet in what is made of them.
	Names
	// PreviewNamespaces are isolated versions in namespaces of their own.
	PreviewNamespaces
	// Refused are objects that Istio's webhook refuses. It is not in All.
	Refused

	end
)

// All has every shape but Refused.
const All = (end - 1) &^ Refused

var shapeNames = []string{
	"Spellings", "PartialNames", "PublicNames", "Wildcards", "Aliases", "ServiceEntries", "EntriesOfServices", "Revisions",
	"Sidecars", "MeshDefaults", "ServiceExports", "PrivateRules", "RuleSelectors", "Subsets", "WideSubsets", "Affinity", "Mirrors",
	"CallerRoutes", "Gateways", "PortRoutes", "Delegates", "OtherProtocols", "Kept", "Matches", "HeaderSpellings", "LongPatterns",
	"BaggageMatches", "Weights", "Ages", "Ports", "Unready", "Unread", "Doors", "Names", "PreviewNamespaces", "Refused",
}

// String returns the names of the shapes in s, joined by "|".
func (s Shapes) String() string {
	if s == Plain {
		return "Plain"
	}
	var names []string
	for ; s != 0; s &= s - 1 {
		names = append(names, shapeNames[bits.TrailingZeros64(uint64(s))])
	}
	return strings.Join(names, "|")
}

// union returns what a test asked for: everything, if it did not say.
func union(asked []Shapes) Shapes {
	if len(asked) == 0 {
		return All
	}
	out := Plain
	for _, s := range asked {
		out |= s
	}
	return out
}
