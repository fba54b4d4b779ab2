package oracle

import (
	"cmp"
	"errors"
	"fmt"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	kubeconversion "istio.io/istio/pilot/pkg/serviceregistry/kube"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/resource"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/istio/manifest"
)

// world has the manifests' objects in Istio's types.
type world struct {
	mesh         *meshconfig.MeshConfig
	configs      []config.Config
	services     []*model.Service
	instances    []*model.ServiceInstance
	workloads    []*model.WorkloadInstance
	podByAddress map[string]string
	behind       map[string][]pod

	pods   []pod
	slices []*discoveryv1.EndpointSlice
	// gateways are the objects of the Gateway API, with the Services and the Namespaces; nil
	// without such objects.
	gateways []runtime.Object
}

// objects are Kubernetes' own objects.
type objects struct {
	services   []*corev1.Service
	pods       []*corev1.Pod
	configMaps []*corev1.ConfigMap
	namespaces []*corev1.Namespace
}

// read converts manifests to Istio's types. It skips kinds that don't affect routing.
func read(manifests []byte, options Options) (*world, error) {
	split, err := manifest.Split(manifests)
	if err != nil {
		return nil, err
	}
	var errs []error
	var found objects
	w := &world{podByAddress: map[string]string{}, behind: map[string][]pod{}}
	for _, object := range split {
		if err := w.read(object, options.Domain, &found); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", object, err))
		}
	}
	w.configs = configsOf(w.configs, options.Revision)
	date(w.configs, options.Reverse)
	if w.mesh, err = readMesh(found.configMaps, options); err != nil {
		errs = append(errs, err)
	}
	assignAddresses(found.services, found.pods)
	for _, p := range found.pods {
		if ready(p) {
			w.pods = append(w.pods, fromPod(p))
			w.workloads = append(w.workloads, w.pods[len(w.pods)-1].instance())
		}
	}
	w.pods = append(w.pods, entries(w.configs)...)
	for i := range w.pods {
		w.podByAddress[w.pods[i].address] = w.pods[i].name
	}
	for _, service := range found.services {
		converted := kubeconversion.ConvertService(*service, nil, options.Domain, clusterID, options.Domain)
		w.services = append(w.services, converted)
		w.connect(service, converted)
	}
	if len(w.gateways) > 0 {
		for _, service := range found.services {
			w.gateways = append(w.gateways, service)
		}
		for _, namespace := range found.namespaces {
			w.gateways = append(w.gateways, namespace)
		}
	}
	return w, errors.Join(errs...)
}

func (w *world) read(object manifest.Object, domain string, found *objects) error {
	gvk := object.GroupVersionKind()
	if schema, ok := kinds.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk)); ok {
		var kind crd.IstioKind
		if err := yaml.UnmarshalStrict(object.YAML, &kind); err != nil {
			return err
		}
		kind.Namespace = cmp.Or(kind.Namespace, "default")
		config, err := crd.ConvertObject(schema, &kind, domain)
		if err != nil {
			return err
		}
		w.configs = append(w.configs, *config)
		return nil
	}
	switch {
	case gvk.Group == "" && gvk.Kind == "Service":
		return decodeInto(&found.services, object)
	case gvk.Group == "" && gvk.Kind == "ConfigMap":
		return decodeInto(&found.configMaps, object)
	case gvk.Kind == "EndpointSlice":
		return decodeInto(&w.slices, object)
	case gvk.Group == "" && gvk.Kind == "Pod":
		return decodeInto(&found.pods, object)
	case gvk.Group == "" && gvk.Kind == "Namespace":
		return decodeInto(&found.namespaces, object)
	case gvk.Group == gatewayAPI:
		one, err := decodeGatewayAPI(object)
		w.gateways = append(w.gateways, one)
		return err
	}
	pod, err := template(object)
	if pod != nil {
		found.pods = append(found.pods, pod)
	}
	return err
}

// decodeInto reads object, of one of Kubernetes' own kinds, strictly.
func decodeInto[T any, P interface {
	*T
	metav1.Object
}](list *[]P, object manifest.Object) error {
	out := P(new(T))
	if err := yaml.UnmarshalStrict(object.YAML, out); err != nil {
		return err
	}
	out.SetNamespace(cmp.Or(out.GetNamespace(), "default"))
	*list = append(*list, out)
	return nil
}

// template returns the pod of a workload of any kind: one represents all replicas, since
// only labels affect routing. It is nil for kinds without pods that Services could
// select.
func template(object manifest.Object) (*corev1.Pod, error) {
	var workload struct {
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Replicas *int32                  `json:"replicas"`
			Template *corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(object.YAML, &workload); err != nil {
		if object.GroupVersionKind().Group == "apps" {
			return nil, err
		}
		return nil, nil //nolint:nilnil // a kind with something else of that name
	}
	spec := workload.Spec
	if spec.Template == nil || len(spec.Template.Labels) == 0 || spec.Replicas != nil && *spec.Replicas == 0 {
		return nil, nil //nolint:nilnil // no pods
	}
	pod := &corev1.Pod{ObjectMeta: spec.Template.ObjectMeta, Spec: spec.Template.Spec}
	pod.Name, pod.Namespace = workload.Name, cmp.Or(workload.Namespace, "default")
	return pod, nil
}

// assignAddresses sets missing addresses of Services and Pods, as an API server and a CNI
// would.
func assignAddresses(services []*corev1.Service, pods []*corev1.Pod) {
	for i, service := range services {
		if service.Spec.ClusterIP == "" && service.Spec.Type != corev1.ServiceTypeExternalName {
			service.Spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", i/250, i%250+1)
		}
	}
	for i, pod := range pods {
		if pod.Status.PodIP == "" {
			pod.Status.PodIP = fmt.Sprintf("10.244.%d.%d", i/250, i%250+1)
		}
	}
}
