package oracle

import (
	"fmt"

	"istio.io/istio/pilot/pkg/config/kube/gateway"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/config/schema/gvr"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/test"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/istio/manifest"
)

// gatewayAPI is the group of the Gateway API.
const gatewayAPI = "gateway.networking.k8s.io"

// decodeGatewayAPI reads an object of the Gateway API strictly. Nobody fills in the defaults
// of its definition.
func decodeGatewayAPI(object manifest.Object) (runtime.Object, error) {
	out, err := kube.IstioScheme.New(object.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	return out, yaml.UnmarshalStrict(object.YAML, out)
}

// convertGatewayAPI returns the Gateways and VirtualServices that istiod makes of objects of
// the Gateway API. push has the Services.
func convertGatewayAPI(objects []runtime.Object, push *model.PushContext, options Options) ([]config.Config, error) {
	client := kube.NewFakeClient(objects...)
	if err := test.Wrap(func(t test.Failer) { defineKinds(t, client) }); err != nil {
		return nil, fmt.Errorf("define the kinds of the Gateway API: %w", err)
	}
	stop := make(chan struct{})
	defer close(stop)
	always := func(schema.GroupVersionResource, <-chan struct{}) bool { return true }
	c := gateway.NewController(client, always, controller.Options{
		DomainSuffix: options.Domain, Revision: options.Revision, KrtDebugger: new(krt.DebugHandler),
	}, nil)
	go c.Run(stop)
	client.RunAndWait(stop)
	c.Reconcile(push)
	if !kube.WaitForCacheSync("oracle", stop, c.HasSynced) {
		return nil, fmt.Errorf("istiod's controller of the Gateway API did not start")
	}
	return append(c.List(gvk.Gateway, ""), c.List(gvk.VirtualService, "")...), nil
}

// defineKinds defines the kinds that istiod waits for.
func defineKinds(t test.Failer, client kube.Client) {
	for _, kind := range []schema.GroupVersionResource{
		gvr.KubernetesGateway, gvr.GatewayClass, gvr.ListenerSet, gvr.HTTPRoute, gvr.GRPCRoute, gvr.TCPRoute, gvr.TLSRoute,
		gvr.ReferenceGrant, gvr.ServiceEntry, gvr.BackendTLSPolicy,
	} {
		clienttest.MakeCRDWithAnnotations(t, client, kind, map[string]string{gatewayAPI + "/bundle-version": "v1.6.0"})
	}
}
