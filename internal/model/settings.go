package model

import (
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// StrictMode says when a member with ";strict" is answered.
type StrictMode string

const (
	// StrictWhenManaged answers strict members if there is something to override.
	StrictWhenManaged StrictMode = "WhenManaged"
	// StrictAlways answers them for every Service, even one without versions.
	StrictAlways StrictMode = "Always"
)

// ForwardingMode says who passes on the override of a request.
type ForwardingMode string

const (
	// ForwardingProgram leaves it to programs.
	ForwardingProgram ForwardingMode = "Program"
	// ForwardingSidecar lets sidecars carry it through programs that pass on other headers.
	ForwardingSidecar ForwardingMode = "Sidecar"
)

// Settings are the annotations of a Service, or an OverridePolicy for it. A nil or empty
// field is not set.
type Settings struct {
	Managed          *bool
	VersionLabel     string
	ReleasedVersions []string
	ReleasedWorkload *Workload
	// Conditions holds "from" and "method" if the Service has rows for these.
	Conditions       []string
	Methods          []string
	Callers          []Caller
	CallerNamespaces []string
	Strict           StrictMode
	// Closed is set if versions that are not released are open to the callers of the released
	// one only.
	Closed *bool
	// ServedHeader is set if answers to followed overrides name what served.
	ServedHeader *bool
	// Previews says which other namespaces isolated versions may be in; nil if it is not set,
	// and for none.
	Previews *NamespaceSelector
	// Access is set if overrides are taken from tokens alone; nil if every header counts. Only a
	// policy says so.
	Access *Access
	// Forwarding says who passes overrides on; empty for the programs. Only a policy says so.
	Forwarding ForwardingMode
}

// Policy is an OverridePolicy.
type Policy struct {
	Namespace, Name string
	Origin          diag.Origin
	Created         time.Time
	// Services are the names of its targets, in its own namespace.
	Services []string
	Settings Settings
	// Invalid is set if a field can't be used: then only its access counts, in mode Token.
	Invalid bool
}

// Object returns the name of p for diagnostics.
func (p *Policy) Object() diag.Object {
	return diag.Object{Kind: "OverridePolicy", Namespace: p.Namespace, Name: p.Name}
}
