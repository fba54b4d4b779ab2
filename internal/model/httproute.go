package model

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/route"
)

// HTTPRoute is an HTTPRoute of a user's that is attached to Kubernetes Gateways, or a
// GRPCRoute: Istio has the rules of both in the same lists.
type HTTPRoute struct {
	// GRPC is set for a GRPCRoute, whose rules are not read.
	GRPC            bool
	Namespace, Name string
	Origin          diag.Origin
	// Created is the creation time; zero if it is not known.
	Created time.Time
	// Attached has those of its parents that are Gateways and ListenerSets, and its hostnames.
	Attached route.Attachment
	Rules    []HTTPRule
	// Unknown lists fields that this version of Overrides does not know.
	Unknown []string
}

// Object returns the name of r for diagnostics.
func (r *HTTPRoute) Object() diag.Object {
	return diag.Object{Kind: r.Kind(), Namespace: r.Namespace, Name: r.Name}
}

// Kind is "HTTPRoute" or "GRPCRoute".
func (r *HTTPRoute) Kind() string {
	if r.GRPC {
		return "GRPCRoute"
	}
	return "HTTPRoute"
}

// HTTPRule is a rule of an HTTPRoute, with the defaults of its definition filled in.
type HTTPRule struct {
	// Matches are alternatives; at least one.
	Matches []route.Match
	// Backends are where its requests go; none if it answers them.
	Backends []HTTPBackend
	// Body is the rest of the rule as JSON: filters, timeouts, and so on.
	Body map[string]json.RawMessage
	// Rewrites is set if a filter replaces the prefix that was matched: such a rule may have
	// one match only.
	Rewrites bool
}

// HTTPBackend is a backend of a rule.
type HTTPBackend struct {
	// Namespace and Service name the Service; empty for other kinds.
	Namespace, Service string
	Port               uint32
	Weight             int32
	// Filters are its own filters as JSON; nil for none.
	Filters json.RawMessage
	// JSON is the whole reference.
	JSON json.RawMessage
}

// KubernetesGateway is a Gateway of the Gateway API.
type KubernetesGateway struct {
	Namespace, Name string
	Origin          diag.Origin
	// Class is the name of its GatewayClass, and Controller the controller of that class;
	// empty if the class is not known.
	Class, Controller string
	// Pods is the namespace of its pods, and Services are those that select them, as "NAME.NAMESPACE":
	// Gateways with a Service in common have their listeners at the same pods.
	Pods     string
	Services []string
	// Ignored says what keeps it from following overrides; empty for nothing. Follows is set if
	// its own annotation says that it follows them.
	Ignored string
	Follows bool
	// Tokens is set if it makes overrides of tokens only.
	Tokens bool
	// TokenRule is set if its pods make overrides of tokens, and of nothing else, and TokenPolicy
	// is the policy that asks for that.
	TokenRule   *TokenRule
	TokenPolicy diag.Object
	// Listeners are its own, and those of the ListenerSets that are attached to it.
	Listeners []Listener
}

// Object returns the name of g for diagnostics.
func (g *KubernetesGateway) Object() diag.Object {
	return diag.Object{Kind: diag.KubernetesGateway, Namespace: g.Namespace, Name: g.Name}
}

// Serves reports whether g has the listeners of a parent of HTTPRoutes: g itself, or a
// ListenerSet that is attached to it.
func (g *KubernetesGateway) Serves(p *route.Parent) bool {
	if p.Kind == "Gateway" {
		return g.Namespace == p.Namespace && g.Name == p.Name
	}
	return slices.ContainsFunc(g.Listeners, func(l Listener) bool { return l.Set == [2]string{p.Namespace, p.Name} })
}

// Listener is a port of a Kubernetes Gateway.
type Listener struct {
	// Set is the ListenerSet that has it, as namespace and name; empty for the Gateway's own.
	Set      [2]string
	Name     string
	Port     uint32
	Protocol string
	// Hostname is empty for every host.
	Hostname string
	// Kinds are the kinds of routes that it admits; nil for those of its protocol. Namespaces
	// are those of the routes.
	Kinds      []string
	Namespaces NamespaceSelector
}

// Grant permits HTTPRoutes of a namespace to lead to Services of another one: a
// ReferenceGrant of the Gateway API.
type Grant struct {
	// Namespace is that of the Services, From that of the HTTPRoutes.
	Namespace, From string
	// Service is the only Service that it permits; empty for all.
	Service string
}
