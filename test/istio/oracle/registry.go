package oracle

import (
	"sync"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/serviceregistry"
	"istio.io/istio/pilot/pkg/serviceregistry/aggregate"
	memregistry "istio.io/istio/pilot/pkg/serviceregistry/memory"
	"istio.io/istio/pilot/pkg/serviceregistry/provider"
	"istio.io/istio/pilot/pkg/serviceregistry/serviceentry"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/multicluster"
)

// registries are the sources of a mesh's Services: those of Kubernetes, in memory, and
// Istio's own registry of ServiceEntries if there are any.
type registries struct {
	discovery *aggregate.Controller
	entries   *serviceentry.Controller
}

// namespaces is a cluster without namespaces, which Istio's registry of ServiceEntries
// asks for their annotations. All meshes share it, and leave nothing in it.
var namespaces = sync.OnceValues(func() (*multicluster.Controller, error) {
	client := kube.NewFakeClient()
	controller := multicluster.NewController(multicluster.ControllerOptions{
		Client: client, ClusterID: clusterID, SystemNamespace: "istio-system",
		MeshConfig: newWatcher(mesh.DefaultMeshConfig()),
	})
	forever := make(chan struct{})
	client.RunAndWait(forever)
	return controller, controller.Run(forever)
})

func newRegistries(m *Mesh, world *world, store model.ConfigStoreController, watcher meshwatcher.WatcherCollection) (*registries, error) {
	updater := model.NewEndpointIndexUpdater(m.env.EndpointIndex)
	memory := memregistry.NewServiceDiscovery(world.services...)
	memory.ClusterID = clusterID
	memory.XdsUpdater = updater
	for _, instance := range world.instances {
		memory.AddInstance(instance)
	}
	out := &registries{discovery: aggregate.NewController(aggregate.Options{MeshHolder: m.env, ConfigClusterID: clusterID})}
	out.discovery.AddRegistry(serviceregistry.Simple{ProviderID: provider.Kubernetes, ClusterID: clusterID, DiscoveryController: memory})
	if len(store.List(gvk.ServiceEntry, model.NamespaceAll)) == 0 {
		return out, nil
	}
	clusters, err := namespaces()
	if err != nil {
		return nil, err
	}
	out.entries = serviceentry.NewController(store, updater, clusters, watcher, serviceentry.WithClusterID(clusterID))
	for _, pod := range world.workloads {
		out.entries.WorkloadInstanceHandler(pod, model.EventAdd)
	}
	out.discovery.AddRegistry(out.entries)
	return out, nil
}

// run starts the registries' controllers, until stop is closed.
func (r *registries) run(stop <-chan struct{}) {
	if r.entries != nil {
		go r.entries.Run(stop)
	}
}

func (r *registries) synced() bool { return r.entries == nil || r.entries.HasSynced() }

// finish waits until the endpoints of ServiceEntries are known, which have handlers of
// their own.
func (r *registries) finish() {
	if r.entries != nil {
		r.entries.ResyncEDS()
	}
}
