package operator

import (
	"os"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

// EnabledLabel is the label of namespaces: with "true" they are managed, with "false" they
// are not. See [namespaceMode] for namespaces without it.
const EnabledLabel = discover.AnnotationPrefix + "enabled"

// Options are the options of an operator.
type Options struct {
	// Model are the options that the generator has, too.
	Model model.Options
	// Namespaces are the managed namespaces; the operator reads no others. If it is empty,
	// labels and AllNamespaces decide.
	Namespaces []string
	// AllNamespaces manages every namespace except for those with the label "false".
	AllNamespaces bool
	// Revisions are revisions of Istio whose mesh configurations are read in addition to
	// that of the default revision.
	Revisions []string
	// Plan are the delays of the plan. PropagationDelayMax replaces Plan.PropagationDelay
	// while istiod reports a proxy without the configuration that a change waits for.
	Plan                plan.Options
	PropagationDelayMax time.Duration
	// AskIstiod makes the operator ask istiod which configuration proxies have. The
	// namespace in Istiod is ignored: it is that of Model.
	AskIstiod bool
	Istiod    istiod.Options
	// Debounce is how long the loop waits for further changes before it reconciles.
	Debounce time.Duration
	// DryRun makes the API server check every write and store nothing.
	DryRun bool
	// GatewayPolicies makes the operator write what GatewayOverridePolicies ask for.
	GatewayPolicies bool
	// Grants are the options of OverrideGrants.
	Grants GrantOptions
	// Gate are the options of the readiness gate, which makes pods wait until ordinary
	// traffic is pinned.
	Gate GateOptions

	// LeaderElection makes replicas elect the one that writes.
	LeaderElection bool
	// LeaseNamespace is the namespace of the lease. If it is empty, it is that of the pod.
	LeaseNamespace string
	Lease          LeaseOptions
	// Instance is the name of the installation in the objects that it writes. It does not
	// change objects with another name. If it is empty, it is the namespace of the lease,
	// or of the pod, with the name of the lease. If neither is known, there is none.
	Instance string
	// RequestTimeout is how long the API server may take to answer a request that is not a
	// watch; zero for no limit.
	RequestTimeout time.Duration
	// MetricsAddress, ProbeAddress and ProfileAddress are addresses to listen on; "0" for
	// none.
	MetricsAddress, ProbeAddress, ProfileAddress string
}

// DefaultOptions returns the default options.
func DefaultOptions() Options {
	return Options{
		Model: model.DefaultOptions(), Plan: plan.DefaultOptions(), PropagationDelayMax: 5 * time.Second, Debounce: 10 * time.Millisecond,
		AskIstiod: true, Istiod: istiod.Options{ServiceAccount: istiod.DefaultServiceAccount},
		Grants: GrantOptions{Address: ":8082", Secret: "overrides-signing-keys", Options: grant.DefaultOptions()},
		Gate: GateOptions{
			Address: ":9443", Service: "overrides-webhook", Secret: "overrides-webhook", Configuration: "overrides-readiness-gate",
		},
		// The default timeout of webhooks is 10 s.
		Lease: DefaultLeaseOptions(), RequestTimeout: 15 * time.Second,
		MetricsAddress: ":8080", ProbeAddress: ":8081", ProfileAddress: "0",
	}
}

// instance returns the name of the installation; "" if it has none.
func (o *Options) instance() string {
	if o.Instance != "" {
		return o.Instance
	}
	namespace := o.LeaseNamespace
	if text, err := os.ReadFile(namespaceFile); namespace == "" && err == nil {
		namespace = strings.TrimSpace(string(text))
	}
	return apply.InstanceOf(namespace)
}
