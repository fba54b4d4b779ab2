package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	typedevents "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlelection "sigs.k8s.io/controller-runtime/pkg/leaderelection"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// LeaseName is the name of the leader's lease.
const LeaseName = apply.LeaseName

// LogTo sets the logger of the libraries that log globally. Call it once, before anything
// runs.
func LogTo(log *slog.Logger) {
	logger := logr.FromSlogHandler(terminatingFilter{log.Handler()})
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
}

// gcPercent is how much the heap may grow between two collections. Half of the heap holds
// the cluster, and a cycle can allocate nearly as much again, all of it garbage.
const gcPercent = 15

// Run runs the operator until ctx ends. It returns nil after a normal shutdown.
func Run(ctx context.Context, config *rest.Config, options Options, log *slog.Logger) error {
	logger := logr.FromSlogHandler(terminatingFilter{log.Handler()})
	if os.Getenv("GOGC") == "" {
		// Frequent collections take a few milliseconds, and memory is scarcer.
		debug.SetGCPercent(gcPercent)
	}
	if options.ProfileAddress == "0" {
		goruntime.MemProfileRate = 0 // profiles are not served
	}
	enableHTTP2Pings()
	options.Instance = options.instance()
	options.Model.AwaitFilters = true
	options.Model.GatewayDefault.In = options.managedNamespaces()
	config = rest.CopyConfig(config)
	health := newWatchHealth()
	// There are few requests, and the API server limits them by priority and fairness.
	config.QPS = -1
	config.UserAgent = "overrides-operator"
	// Each compressed response takes a decompressor with 50 KiB, and time on both sides.
	config.DisableCompression = true
	permissions := newPermissions(log, health)
	config.Wrap(permissions.wrap)
	defer register(ctrlmetrics.Registry, []prometheus.Collector{permissions.failed, permissions.missing})()
	manager, err := ctrl.NewManager(config, managerOptions(&options, logger, health))
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	m := newMetrics()
	defer m.register(ctrlmetrics.Registry)()
	p := parts{log: log, metrics: m, health: health, permissions: permissions}
	if options.Gate.Enabled {
		p.gates = newGateMetrics()
		defer register(ctrlmetrics.Registry, p.gates.all())()
	}
	if options.Grants.Enabled {
		p.grants = newGrantMetrics()
		defer register(ctrlmetrics.Registry, p.grants.all())()
	}
	if options.asksIstiod(log) {
		p.proxySync = newProxySyncMetrics()
		defer p.proxySync.register(ctrlmetrics.Registry)()
	}
	if err := assemble(manager, config, &options, p); err != nil {
		return err
	}
	return manager.Start(ctx)
}

// enableHTTP2Pings makes the HTTP/2 client detect a dead connection after a few seconds. By
// default it pings after 30 s and waits 15 s for the answer.
func enableHTTP2Pings() {
	for _, name := range []string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS", "HTTP2_PING_TIMEOUT_SECONDS"} {
		if os.Getenv(name) == "" {
			_ = os.Setenv(name, "5") // fails only for invalid names
		}
	}
}

func managerOptions(options *Options, logger logr.Logger, health *watchHealth) ctrl.Options {
	stop := 10 * time.Second
	return ctrl.Options{
		Scheme: newScheme(), Logger: logger, Cache: cacheOptions(options, health),
		Metrics:                server.Options{BindAddress: options.MetricsAddress},
		HealthProbeBindAddress: options.ProbeAddress, PprofBindAddress: options.ProfileAddress,
		GracefulShutdownTimeout: &stop,
	}
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme, eventsv1.AddToScheme, metav1.AddMetaToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // two types of one name: an error in this file
		}
	}
	return scheme
}

// cacheOptions returns the options of the cache for the kinds that every cluster has: where
// they are watched, and which part of each object is kept.
func cacheOptions(options *Options, health *watchHealth) cache.Options {
	by := map[client.Object]cache.ByObject{definition(): {Transform: cache.TransformStripManagedFields()}}
	for i := range kinds {
		if k := &kinds[i]; !k.ownCache() {
			by[k.typed] = cache.ByObject{
				Transform: k.transform, Label: k.labelSelector(), Field: k.fieldSelector(), Namespaces: options.namespacesOf(k),
			}
		}
	}
	return cache.Options{ByObject: by, NewInformer: health.newInformer}
}

// namespacesOf lists the namespaces in which a kind is watched; nil for all.
func (o *Options) namespacesOf(k *kind) map[string]cache.Config {
	out := map[string]cache.Config{}
	switch {
	case k.Scope == discover.Root:
		out[o.Model.RootNamespace] = cache.Config{}
		return out
	case len(o.Namespaces) == 0, k.Scope == discover.Unscoped:
		return nil
	}
	for _, n := range o.Namespaces {
		out[n] = cache.Config{}
	}
	if k.Scope == discover.Everywhere {
		// Rules in Istio's root namespace apply to all namespaces.
		out[o.Model.RootNamespace] = cache.Config{}
	}
	return out
}

// cacheFor returns a function that makes a cache for one kind.
func cacheFor(manager ctrl.Manager, options *Options, health *watchHealth) func(k *kind) (cache.Cache, error) {
	return func(k *kind) (cache.Cache, error) {
		return cache.New(manager.GetConfig(), cache.Options{
			HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper(),
			DefaultTransform: k.transform, DefaultNamespaces: options.namespacesOf(k),
			DefaultLabelSelector: k.labelSelector(), DefaultFieldSelector: k.fieldSelector(),
			NewInformer: health.newInformer,
		})
	}
}

// assemble adds everything that runs to the manager.
func assemble(manager ctrl.Manager, config *rest.Config, options *Options, p parts) error {
	bounded := rest.CopyConfig(config)
	bounded.Timeout = options.RequestTimeout
	writes, err := apply.New(bounded, options.Instance, options.DryRun)
	if err != nil {
		return err
	}
	objects, err := dynamic.NewForConfig(bounded)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	reviews, err := authorization.NewForConfig(bounded)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	p.permissions.isAllowed = reviewAccess(reviews.SelfSubjectAccessReviews())
	s := newStore(options)
	w := newWatcher(s, p.log)
	w.cache, w.mapper, w.newCache = manager.GetCache(), manager.GetRESTMapper(), cacheFor(manager, options, p.health)
	w.reader, w.scheme = manager.GetAPIReader(), manager.GetScheme()
	written, err := typedevents.NewForConfig(bounded)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	events := newEventWriter(written, manager.GetScheme(), p.log)
	p.client, p.recorder = writes, events
	p.background = newBackground()
	p.policy = &policyWriter{objects: objects, log: p.log, background: p.background, dryRun: options.DryRun, statuses: map[types.UID]*policyStatus{}}
	r := newReconciler(options, s, p)
	p.permissions.onAllowed = r.writer.retryNow
	r.synced, r.hasMesh = w.synced, w.hasMesh
	r.watchesUp = func() bool { return p.health.allUp(time.Now()) }
	if err := addOptional(manager, config, r, p); err != nil {
		return err
	}
	r.entries = newEntries(options, s, &p, objects)
	if p.proxySync != nil {
		if err := addProxySync(config, r, p); err != nil {
			return err
		}
	}
	leads, err := newTerms(manager, config, options, r)
	if err != nil {
		return err
	}
	return errors.Join(manager.Add(w), manager.Add(leads), manager.Add(events), manager.Add(p.permissions), addChecks(manager, w, r, p.permissions))
}

// addOptional adds what the options ask for besides.
func addOptional(manager ctrl.Manager, config *rest.Config, r *reconciler, p parts) error {
	if r.options.Gate.Enabled {
		if err := addGates(manager, config, r, p); err != nil {
			return err
		}
	}
	if !r.options.Grants.Enabled {
		return nil
	}
	return addGrants(manager, config, r, p)
}

// addChecks adds the health and readiness checks.
func addChecks(manager ctrl.Manager, w *watcher, r *reconciler, permissions *permissions) error {
	return errors.Join(
		manager.AddHealthzCheck("loop", r.alive),
		manager.AddReadyzCheck("rights", permissions.ready),
		manager.AddReadyzCheck("synced", func(*http.Request) error {
			if !w.synced() {
				return errors.New("not all kinds have been listed yet")
			}
			return nil
		}),
	)
}

// newTerms makes r lead while this replica holds the lease.
func newTerms(manager ctrl.Manager, config *rest.Config, options *Options, r *reconciler) (*terms, error) {
	lock, err := ctrlelection.NewResourceLock(config, manager, ctrlelection.Options{
		LeaderElection: options.LeaderElection, LeaderElectionID: LeaseName, LeaderElectionNamespace: options.LeaseNamespace,
		RenewDeadline: options.Lease.RenewDeadline,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the lease: %w", err)
	}
	return &terms{lock: lock, times: options.Lease, log: r.log, lead: r.lead, lost: r.forget}, nil
}

// stuckAfter is longer than any cycle takes.
const stuckAfter = 2 * time.Minute

// alive returns an error if a cycle does not end.
func (r *reconciler) alive(*http.Request) error {
	// time.Since uses the monotonic clock, so a clock adjustment does not matter.
	if began := r.busy.Load(); began != nil && time.Since(*began) > stuckAfter {
		return errors.New("a reconciliation does not end")
	}
	return nil
}
