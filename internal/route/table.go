package route

import (
	"encoding/json"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Kind says which part of the table a route belongs to.
type Kind string

const (
	// Ordinary takes requests without an override. It comes first.
	Ordinary Kind = "ordinary"
	// Override takes requests that ask for a version.
	Override Kind = "override"
	// Unavailable answers a strict member if no Override route took the request.
	Unavailable Kind = "unavailable"
	// Released takes all other requests, with the same routes as Ordinary.
	Released Kind = "released"
)

// Table is the ordered routes of some hosts. It becomes one object of a back end.
type Table struct {
	// Namespace and Name are those of the object the table becomes.
	Namespace, Name string
	// Owner is the name of the Service or VirtualService it was made for.
	Owner string
	// Adopted are the user's VirtualServices that have these routes, each as
	// "namespace/name", in order; several only at gateways.
	Adopted []string
	// Hosts are fully qualified, or the user's own strings.
	Hosts []string
	// Gateways are the gateways whose proxies have it, as "namespace/name"; nil for sidecars.
	Gateways []string
	// ExportTo lists the namespaces that see it; empty means all.
	ExportTo []string
	// Revision is the revision of the only istiod that reads it; empty for all.
	Revision string
	// Released is the record of the released workload; empty if the SubsetRule has it, or
	// if there is nothing to override.
	Released string
	// Grants has the grants whose tokens its rows follow; nil if no row depends on a grant.
	Grants *Grants
	// Attached is set for the rows that become an HTTPRoute of the Gateway API. Kubernetes
	// Gateways order routes by what they match, not by their place.
	Attached *Attachment
	Routes   []Route
}

// Grants is the grants that rows list.
type Grants struct {
	// IDs are those of their tokens, sorted.
	IDs []string
}

// Attachment says which requests at Kubernetes Gateways an HTTPRoute is for.
type Attachment struct {
	Parents []Parent `json:"parents"`
	// Hostnames are as written; none means every host.
	Hostnames []string `json:"hostnames,omitempty"`
}

// Parent is a Gateway of the Gateway API, or a ListenerSet, that an HTTPRoute is attached to.
type Parent struct {
	// Kind is "Gateway" or "ListenerSet".
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Section names a listener, and Port is the port of listeners; empty and zero for any.
	Section string `json:"section,omitempty"`
	Port    uint32 `json:"port,omitempty"`
}

// Route is one row. Its matches are alternatives; no match means any request.
type Route struct {
	Name    string
	Kind    Kind
	Matches []Match
	// Version is the version that an Override route leads to.
	Version Version
	// Set is set for Override and Unavailable routes that take requests because of a set of
	// versions, not of a member that names the Service.
	Set bool
	// Destinations are the destinations of the request, by weight. Empty for routes that
	// answer by themselves.
	Destinations []Destination
	// Response answers the request; nil for routes with destinations.
	Response *Response
	// Served is set for Override routes whose answers name what served, in the header
	// [grammar.ServedHeader].
	Served bool
	// Base is the user's route that this one was made from. Its other fields (timeout,
	// retries, rewrite, redirect, mirrors, …) apply here too. It is nil for rows of
	// Overrides, shared between routes, and never changed.
	Base *istioapi.HTTPRoute
	// Rule is the rule of an HTTPRoute that the row becomes, as JSON without its matches: that
	// of the user with other backends. It is nil for rows of other tables and for those that
	// answer by themselves.
	Rule json.RawMessage
	// Delegated is the delegation that the row is part of; nil for others.
	Delegated *Delegation
}

// Version names a version of a Service.
type Version struct {
	Service   string `json:"service,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Version   string `json:"version,omitempty"`
}

// Member returns the member of the override header that names v.
func (v *Version) Member() grammar.Member {
	return grammar.Member{Service: v.Service, Namespace: v.Namespace, Version: v.Version}
}

// Destination is a Service, or a subset of it, and its share.
type Destination struct {
	Host   string `json:"host"`
	Subset string `json:"subset,omitempty"`
	// Port is zero if the proxy uses the port of the request.
	Port uint32 `json:"port,omitempty"`
	// Weight is relative; a single destination has none.
	Weight int32 `json:"weight,omitempty"`
	// Headers are the user's header operations of this destination.
	Headers *istioapi.Headers `json:"-"`
}

// Response is an answer of the proxy itself.
type Response struct {
	Status uint32
	Body   string
	// Header is the name and Value the value of a response header.
	Header, Value string
}

// SubsetRule is the subsets of one host. It becomes one object of a back end.
type SubsetRule struct {
	Namespace, Name string
	// Owner is the name of the Service.
	Owner string
	Host  string
	// ExportTo is raw, as Istio compares it when it merges rules.
	ExportTo []string
	// Revision is the revision of the only istiod that reads it; empty for all.
	Revision string
	// Released is the record of the released workload; empty if there is nothing to
	// override.
	Released string
	// Policy was copied from a user's rule that this one would hide.
	Policy  *istioapi.TrafficPolicy
	Subsets []Subset
}

// Subset is a name for the pods with some labels.
type Subset struct {
	Name   string
	Labels map[string]string
	// Policy was copied together with a user's subset.
	Policy *istioapi.TrafficPolicy
}
