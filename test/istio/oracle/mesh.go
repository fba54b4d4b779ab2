package oracle

import (
	"context"
	"fmt"
	"sync"
	"time"

	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	memregistry "istio.io/istio/pilot/pkg/serviceregistry/memory"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collection"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube/krt"
	"k8s.io/apimachinery/pkg/util/wait"
)

// clusterID is the one cluster that everything is in.
const clusterID = "Kubernetes"

// Mesh is one set of objects, translated. It is safe for concurrent use.
type Mesh struct {
	domain    string
	env       *model.Environment
	generator *core.ConfigGeneratorImpl
	services  []*model.Service
	// pods has the name of the pod behind each endpoint address.
	pods map[string]string
	stop chan struct{}

	mu      sync.Mutex
	proxies map[string]*sidecar
}

// Options are settings of a mesh.
type Options struct {
	// Domain is the DNS suffix of Services, cluster.local if empty.
	Domain string
}

// meshConfig is shared by all meshes, since Istio keeps every watcher for ever.
var meshConfig = sync.OnceValue(func() meshwatcher.TestWatcher {
	return meshwatcher.NewTestWatcher(mesh.DefaultMeshConfig())
})

// kinds are what a mesh can be configured with. Istio asks for other kinds too
// and finds none.
var kinds = collection.SchemasFor(
	collections.VirtualService,
	collections.DestinationRule,
	collections.Sidecar,
)

// Load translates the objects in manifests. Close must be called on the result.
func Load(manifests []byte, options Options) (*Mesh, error) {
	if options.Domain == "" {
		options.Domain = "cluster.local"
	}
	world, err := read(manifests, options.Domain)
	if err != nil {
		return nil, err
	}
	m := &Mesh{
		domain:    options.Domain,
		env:       model.NewEnvironment(),
		generator: core.NewConfigGenerator(&model.DisabledCache{}),
		services:  world.services,
		pods:      world.podByAddress,
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
	registry := memregistry.NewServiceDiscovery(world.services...)
	registry.ClusterID = clusterID
	registry.XdsUpdater = updater
	for _, instance := range world.instances {
		registry.AddInstance(instance)
	}

	m.env.DomainSuffix = m.domain
	m.env.Watcher = meshConfig()
	m.env.NetworksWatcher = meshwatcher.NewFixedNetworksWatcher(nil)
	m.env.ServiceDiscovery = registry
	m.env.ConfigStore = store
	virtualServices := model.NewVirtualServiceController(store,
		model.VSControllerOptions{KrtDebugger: new(krt.DebugHandler), XDSUpdater: updater}, meshConfig())
	m.env.VirtualServiceController = virtualServices
	m.env.Init()

	go store.Run(m.stop)
	go virtualServices.Run(m.stop)
	err := wait.PollUntilContextTimeout(context.Background(), time.Millisecond, 10*time.Second, true,
		func(context.Context) (bool, error) { return store.HasSynced() && virtualServices.HasSynced(), nil })
	if err != nil {
		return fmt.Errorf("wait for Istio's controllers: %w", err)
	}
	if err := m.env.InitNetworksManager(updater); err != nil {
		return fmt.Errorf("start Istio's networks manager: %w", err)
	}
	m.env.PushContext().InitContext(m.env, nil, nil)
	return nil
}

// world is what manifests say, in Istio's terms.
type world struct {
	configs      []config.Config
	services     []*model.Service
	instances    []*model.ServiceInstance
	podByAddress map[string]string
}
