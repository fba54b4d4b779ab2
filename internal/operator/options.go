package operator

import (
	"os"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

// EnabledLabel marks the namespaces that are managed, with "true", unless others
// are named; with "false" those that are not, see [scope].
const EnabledLabel = discover.AnnotationPrefix + "enabled"

// Options are settings of an operator.
type Options struct {
	// Model are the settings that the generator has too.
	Model model.Options
	// Namespaces are those that are managed, and the only ones that are read. Empty
	// means those that are labelled, or all.
	Namespaces []string
	// AllNamespaces manages every namespace but those that are labelled with "false".
	AllNamespaces bool
	// Revisions are those of Istio whose mesh configurations are read besides that of
	// the default one.
	Revisions []string
	// Plan are the times that are waited. WaitMax is what is waited instead of
	// Plan.Wait while istiod tells of a proxy that lacks what is waited for.
	Plan                plan.Options
	PropagationDelayMax time.Duration
	// AskIstiod is set where istiod is asked what proxies have, as Istiod says; its
	// Namespace is Model's.
	AskIstiod bool
	Istiod    istiod.Options
	// Debounce is for how long changes gather before they are looked at.
	Debounce time.Duration
	// DryRun has every write checked by the API server, and nothing stored.
	DryRun bool
	// Gate has pods wait until ordinary traffic is pinned.
	Gate GateOptions

	// LeaderElection is for several replicas, of which one writes.
	LeaderElection bool
	// LeaseNamespace is where the lease is; that of the pod if it is empty.
	LeaseNamespace string
	Lease          LeaseOptions
	// Instance names the installation in what it writes, and whose objects it leaves alone
	// that name another one. If it is empty, it is the namespace of the lease, or of the
	// pod, with the name of the lease; where neither is known, there is none.
	Instance string
	// RequestTimeout is how long the API server may take to answer a request that is no
	// watch; zero for as long as it likes.
	RequestTimeout time.Duration
	// MetricsAddress, ProbeAddress and ProfileAddress are listened on; "0" for not.
	MetricsAddress, ProbeAddress, ProfileAddress string
}

// DefaultOptions returns the options of an ordinary installation.
func DefaultOptions() Options {
	return Options{
		Model: model.DefaultOptions(), Plan: plan.DefaultOptions(), PropagationDelayMax: 5 * time.Second, Debounce: 10 * time.Millisecond,
		AskIstiod: true, Istiod: istiod.Options{ServiceAccount: istiod.DefaultServiceAccount},
		Gate: GateOptions{
			Address: ":9443", Service: "overrides-webhook", Secret: "overrides-webhook", Configuration: "overrides-readiness-gate",
		},
		// Webhooks may take 10 s, where they don't say otherwise.
		Lease: DefaultLeaseOptions(), RequestTimeout: 15 * time.Second,
		MetricsAddress: ":8080", ProbeAddress: ":8081", ProfileAddress: "0",
	}
}

// instance returns the name of the installation; "" for none.
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
