package oracle

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collection"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube/krt"
	"k8s.io/apimachinery/pkg/util/wait"
)

// clusterID is the one cluster that everything is in.
const clusterID = "Kubernetes"

// Mesh is one set of objects, translated by one revision of istiod. It is safe
// for concurrent use.
type Mesh struct {
	domain    string
	revision  string
	env       *model.Environment
	generator *core.ConfigGeneratorImpl
	services  []*model.Service
	// pods has the name of the pod behind each endpoint address.
	pods map[string]string
	// behind has the pods that the Service of each host selects: those that
	// Kubernetes itself, without any proxy, sends a connection to.
	behind map[string][]pod
	stop   chan struct{}

	mu      sync.Mutex
	proxies map[string]*sidecar
}

// Options are settings of a mesh.
type Options struct {
	// Domain is the DNS suffix of Services, cluster.local if empty.
	Domain string
	// Revision is the one of the istiod that translates, "default" if empty: it
	// reads no object that the label istio.io/rev gives to another one.
	Revision string
	// RootNamespace is where the mesh configuration is looked for, and Istio's root
	// namespace unless that says otherwise; istio-system if empty.
	RootNamespace string
	// Reverse has objects that don't say their age be younger than those that do, and
	// of one another the older the later their names are. Without it they are older,
	// and all of one age, so that the first by name comes first.
	Reverse bool
}

func (o Options) withDefaults() Options {
	o.Domain = cmp.Or(o.Domain, "cluster.local")
	o.Revision = cmp.Or(o.Revision, defaultRevision)
	o.RootNamespace = cmp.Or(o.RootNamespace, "istio-system")
	return o
}

// kinds are what a mesh can be configured with. Istio asks for other kinds too
// and finds none.
var kinds = collection.SchemasFor(
	collections.VirtualService,
	collections.DestinationRule,
	collections.Sidecar,
	collections.Gateway,
	collections.ServiceEntry,
	collections.WorkloadEntry,
)

// Load translates the objects in manifests. Close must be called on the result.
func Load(manifests []byte, options Options) (*Mesh, error) {
	options = options.withDefaults()
	world, err := read(manifests, options)
	if err != nil {
		return nil, err
	}
	m := &Mesh{
		domain:    options.Domain,
		revision:  options.Revision,
		env:       model.NewEnvironment(),
		generator: core.NewConfigGenerator(&model.DisabledCache{}),
		pods:      world.podByAddress,
		behind:    world.behind,
		stop:      make(chan struct{}),
		proxies:   map[string]*sidecar{},
	}
	if err := m.start(world); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Close ends what Load started.
func (m *Mesh) Close() { close(m.stop) }

// start sets up what istiod's bootstrap does, with registries in memory.
func (m *Mesh) start(world *world) error {
	store := memory.NewController(memory.MakeSkipValidation(kinds))
	for _, cfg := range world.configs {
		if _, err := store.Create(cfg); err != nil {
			return fmt.Errorf("store %s %s/%s: %w", cfg.GroupVersionKind.Kind, cfg.Namespace, cfg.Name, err)
		}
	}
	updater := model.NewEndpointIndexUpdater(m.env.EndpointIndex)
	watcher := newWatcher(world.mesh)
	virtualServices := model.NewVirtualServiceController(store,
		model.VSControllerOptions{KrtDebugger: new(krt.DebugHandler), XDSUpdater: updater}, watcher)

	m.env.DomainSuffix = m.domain
	m.env.Watcher = watcher
	m.env.NetworksWatcher = meshwatcher.NewFixedNetworksWatcher(nil)
	m.env.ConfigStore = store
	m.env.VirtualServiceController = virtualServices
	registries, err := newRegistries(m, world, store, watcher)
	if err != nil {
		return err
	}
	m.env.ServiceDiscovery = registries.discovery
	m.env.Init()

	go store.Run(m.stop)
	go virtualServices.Run(m.stop)
	registries.run(m.stop)
	err = wait.PollUntilContextTimeout(context.Background(), time.Millisecond, 10*time.Second, true,
		func(context.Context) (bool, error) {
			return store.HasSynced() && virtualServices.HasSynced() && registries.synced(), nil
		})
	if err != nil {
		return fmt.Errorf("wait for Istio's controllers: %w", err)
	}
	registries.finish()
	m.services = m.env.Services()
	if err := m.env.InitNetworksManager(updater); err != nil {
		return fmt.Errorf("start Istio's networks manager: %w", err)
	}
	m.env.PushContext().InitContext(m.env, nil, nil)
	return nil
}

// configsOf leaves out what an istiod of revision does not read.
func configsOf(configs []config.Config, revision string) []config.Config {
	var out []config.Config
	for i := range configs {
		if config.ObjectInRevision(&configs[i], revision) {
			out = append(out, configs[i])
		}
	}
	return out
}
