package oracle

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	kubeconversion "istio.io/istio/pilot/pkg/serviceregistry/kube"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/config/schema/resource"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/istio/manifest"
)

// read turns manifests into Istio's terms. Kinds that have no part in routing
// are passed over.
func read(manifests []byte, domain string) (*world, error) {
	objects, err := manifest.Split(manifests)
	if err != nil {
		return nil, err
	}
	var errs []error
	var services []*corev1.Service
	var pods []*corev1.Pod
	w := &world{podByAddress: map[string]string{}}
	for _, object := range objects {
		if err := w.add(object, domain, &services, &pods); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", object, err))
		}
	}
	assignAddresses(services, pods)
	for _, service := range services {
		w.connect(service, pods, domain)
	}
	return w, errors.Join(errs...)
}

func (w *world) add(object manifest.Object, domain string, services *[]*corev1.Service, pods *[]*corev1.Pod) error {
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
	switch object.Kind {
	case "Service":
		var service corev1.Service
		if err := yaml.UnmarshalStrict(object.YAML, &service); err != nil {
			return err
		}
		service.Namespace = cmp.Or(service.Namespace, "default")
		*services = append(*services, &service)
	case "Pod":
		var pod corev1.Pod
		if err := yaml.UnmarshalStrict(object.YAML, &pod); err != nil {
			return err
		}
		pod.Namespace = cmp.Or(pod.Namespace, "default")
		*pods = append(*pods, &pod)
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		// One pod stands for all replicas: routing asks for labels only.
		var workload struct {
			metav1.ObjectMeta `json:"metadata"`
			Spec              struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(object.YAML, &workload); err != nil {
			return err
		}
		pod := corev1.Pod{ObjectMeta: workload.Spec.Template.ObjectMeta, Spec: workload.Spec.Template.Spec}
		pod.Name, pod.Namespace = workload.Name, cmp.Or(workload.Namespace, "default")
		*pods = append(*pods, &pod)
	}
	return nil
}

// assignAddresses gives Services and Pods the addresses that they lack, as an
// API server and a CNI would.
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

// connect adds service with the pods behind it.
func (w *world) connect(service *corev1.Service, pods []*corev1.Pod, domain string) {
	converted := kubeconversion.ConvertService(*service, nil, domain, clusterID, domain)
	w.services = append(w.services, converted)
	if len(service.Spec.Selector) == 0 {
		return
	}
	for _, pod := range pods {
		if pod.Namespace != service.Namespace || !labels.Instance(service.Spec.Selector).SubsetOf(pod.Labels) || !ready(pod) {
			continue
		}
		w.podByAddress[pod.Status.PodIP] = pod.Name
		for i, port := range converted.Ports {
			w.instances = append(w.instances, &model.ServiceInstance{
				Service:     converted,
				ServicePort: port,
				Endpoint: &model.IstioEndpoint{
					Addresses:       []string{pod.Status.PodIP},
					EndpointPort:    targetPort(&service.Spec.Ports[i], pod),
					ServicePortName: port.Name,
					Labels:          maps.Clone(pod.Labels),
					Namespace:       pod.Namespace,
					WorkloadName:    pod.Name,
					HealthStatus:    model.Healthy,
				},
			})
		}
	}
}

// ready reports whether pod serves. A pod whose manifest has no status does.
func ready(pod *corev1.Pod) bool {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	return pod.DeletionTimestamp == nil && (i < 0 || pod.Status.Conditions[i].Status == corev1.ConditionTrue)
}

func targetPort(port *corev1.ServicePort, pod *corev1.Pod) uint32 {
	if port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal != 0 {
		return uint32(port.TargetPort.IntVal)
	}
	for i := range pod.Spec.Containers {
		for _, declared := range pod.Spec.Containers[i].Ports {
			if port.TargetPort.Type == intstr.String && declared.Name == port.TargetPort.StrVal {
				return uint32(declared.ContainerPort)
			}
		}
	}
	return uint32(port.Port)
}
