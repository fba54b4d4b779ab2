package edge

import (
	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Policy says what becomes of the carriers that a request brings.
type Policy string

const (
	// Strip removes them.
	Strip Policy = "Strip"
	// Trust keeps them.
	Trust Policy = "Trust"
	// Token removes them, and makes new ones of valid tokens.
	Token Policy = "Token"
	// Claim keeps them, if the routes of the gateway find that the user's claims permit them.
	Claim Policy = "Claim"
)

// Keeps reports whether the filter keeps the carriers that a request brings.
func (p Policy) Keeps() bool { return p == Trust || p == Claim }

// Request says what to make. It is valid: see [ParsePreviewHost], [ValidateCookie].
type Request struct {
	// Gateway and Namespace name a Gateway, which need not be in the snapshot. GatewayAPI is
	// set if it is one of the Gateway API, whose pods are in its own namespace.
	Gateway, Namespace string
	GatewayAPI         bool
	// Selector selects the pods of the gateway; nil for the Gateway's own selector.
	Selector map[string]string
	// PodNamespaces are the namespaces of these pods; empty for those in the snapshot.
	PodNamespaces []string
	Policy        Policy
	PreviewHosts  []PreviewHost
	// Tokens says which tokens are valid, for the policy Token; nil for others.
	Tokens *Tokens
	// Cookie is the name of the cookie; empty for none.
	Cookie string
	// Link asks for routes that answer links by setting the cookie.
	Link bool
	// Claims say which users may ask for which overrides, for the policy Claim; nil for others.
	Claims *v1alpha1.ClaimRules
	// Require is the claim that users need for overrides; nil for none. Provider is the
	// external authorizer that is asked about them; empty for none.
	Require  *v1alpha1.RequiredClaim
	Provider string
	// By is the policy that asks for it; zero for none.
	By diag.Object
	// WithHosts asks for the objects that serve the preview hosts, and Credential is the name
	// of the Secret with their certificate.
	WithHosts  bool
	Credential string

	// forwarding is set if overrides ride in other headers somewhere in the mesh.
	forwarding bool
}

// Output is the objects for an entry.
type Output struct {
	// Objects are in the order in which to apply them; none if there is an error. The guards
	// are in front of the filter, which makes headers.
	Objects []encoded.Object
	// Closed is set if the guard can't be made: the filter only removes overrides.
	Closed bool
	// Filter is what the objects do to requests; nil if there is an error.
	Filter *Filter
	// Others are the other Gateways whose hosts the filter acts on, since they have the same
	// pods.
	Others      []diag.Object
	Diagnostics []diag.Diagnostic
}

// Make makes the objects for an entry. The snapshot is what is known of the cluster, and
// only has to have options. An error is a bug.
func Make(snapshot *model.Snapshot, request *Request) (Output, error) {
	given := *request
	given.forwarding = len(snapshot.ForwardingNamespaces) > 0
	m := &maker{Request: &given, snapshot: snapshot}
	m.gateway = m.findGateway()
	m.findPods()
	m.checkProxies()
	m.checkGuard()
	m.checkHosts()
	if m.WithHosts && len(m.PreviewHosts) > 0 {
		m.addServers()
		m.addServices()
	}
	if worst, _ := diag.Worst(m.diags); worst == diag.Error {
		return Output{Diagnostics: diag.Sort(m.diags)}, nil
	}
	out := Output{Others: m.others(), Diagnostics: diag.Sort(m.diags), Closed: m.closed, Filter: m.does()}
	for _, namespace := range m.namespaces {
		guard, err := m.guard(namespace)
		if err != nil {
			return Output{}, err
		}
		out.Objects = append(out.Objects, guard...)
	}
	for _, namespace := range m.filtered() {
		filter, err := m.filter(namespace)
		if err != nil {
			return Output{}, err
		}
		out.Objects = append(out.Objects, filter)
	}
	for i := range m.hosts {
		object, err := m.hosts[i].encode()
		if err != nil {
			return Output{}, err
		}
		out.Objects = append(out.Objects, object)
	}
	return out, nil
}

// filtered returns the namespaces that need a filter: none if it would change nothing.
func (m *maker) filtered() []string {
	if len(m.mutations(m.snapshot.Options.Header)) == 0 {
		return nil
	}
	return m.namespaces
}

// maker makes the objects of one entry.
type maker struct {
	*Request
	snapshot *model.Snapshot
	// gateway is the Gateway; nil if it is not in the snapshot.
	gateway *model.Gateway
	// selector and namespaces are where the pods are.
	selector   map[string]string
	namespaces []string
	// closed is set if the guard can't be made.
	closed bool
	// hosts are the objects that serve the preview hosts.
	hosts []hostObject
	diags []diag.Diagnostic
}

func (m *maker) object() diag.Object {
	if m.GatewayAPI {
		return diag.Object{Kind: diag.KubernetesGateway, Namespace: m.Namespace, Name: m.Gateway}
	}
	return diag.Object{Kind: "Gateway", Namespace: m.Namespace, Name: m.Gateway}
}

func (m *maker) report(code diag.Code, object diag.Object, format string, args ...any) *diag.Diagnostic {
	m.diags = append(m.diags, diag.New(code, object, format, args...))
	return &m.diags[len(m.diags)-1]
}
