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

// clusterID is the only cluster.
const clusterID = "Kubernetes"

// Mesh is one set of objects, translated by one revision of istiod. Several goroutines
// may use it.
type Mesh struct {
	domain    string
	revision  string
	env       *model.Environment
	generator *core.ConfigGeneratorImpl
	services  []*model.Service
	// pods has the name of the pod behind each endpoint address.
	pods map[string]string
	// behind has the pods that the Service of each host selects: those to which
	// Kubernetes itself, without any proxy, sends a connection.
	behind map[string][]pod
	// gateways are pods that may be those of Kubernetes Gateways, which Services select.
	gateways []pod
	stop     chan struct{}

	mu      sync.Mutex
	proxies map[string]*sidecar
}

// Options are settings of a mesh.
type Options struct {
	// Domain is the DNS suffix of Services, cluster.local if empty.
	Domain string
	// Revision is the revision of the translating istiod, "default" if empty: it ignores
	// objects with another one in the label istio.io/rev.
	Revision string
	// RootNamespace contains the mesh configuration, and is Istio's root namespace unless
	// the configuration says otherwise; istio-system if empty.
	RootNamespace string
	// Reverse makes objects without an age younger than those with one, and of two
	// without an age the one with the later name older. Without Reverse they are older,
	// and equally old, so that the first by name comes first.
	Reverse bool
}

func (o Options) withDefaults() Options {
	o.Domain = cmp.Or(o.Domain, "cluster.local")
	o.Revision = cmp.Or(o.Revision, defaultRevision)
	o.RootNamespace = cmp.Or(o.RootNamespace, "istio-system")
	return o
}

// kinds are the kinds that can configure a mesh. Istio asks for other kinds too and finds
// none.
var kinds = collection.SchemasFor(
	collections.VirtualService,
	collections.DestinationRule,
	collections.Sidecar,
	collections.Gateway,
	collections.ServiceEntry,
	collections.WorkloadEntry,
)

// Load translates the objects in manifests. Call Close on the result.
func Load(manifests []byte, options Options) (*Mesh, error) {
	options = options.withDefaults()
	world, err := read(manifests, options)
	if err != nil {
		return nil, err
	}
	m, err := newMesh(world, options)
	if err != nil || len(world.gateways) == 0 {
		return m, err
	}
	defer m.Close()
	made, err := convertGatewayAPI(world.gateways, m.env.PushContext(), options)
	if err != nil {
		return nil, err
	}
	date(made, options.Reverse)
	world.configs = append(world.configs, made...)
	return newMesh(world, options)
}

func newMesh(world *world, options Options) (*Mesh, error) {
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
	if len(world.gateways) > 0 {
		m.gateways = world.pods
	}
	if err := m.start(world); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Close ends the goroutines of Load.
func (m *Mesh) Close() { close(m.stop) }

// start does the same as istiod's bootstrap, with registries in memory.
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

// configsOf removes objects that an istiod of revision does not read.
func configsOf(configs []config.Config, revision string) []config.Config {
	var out []config.Config
	for i := range configs {
		if config.ObjectInRevision(&configs[i], revision) {
			out = append(out, configs[i])
		}
	}
	return out
}
