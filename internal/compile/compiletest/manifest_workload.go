package compiletest

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/model"
)

// workloads are the Services of a cluster and what runs behind and before them.
func workloads(s *model.Snapshot) []any {
	var out []any
	for i := range s.Services {
		out = append(out, serviceObject(&s.Services[i]))
		for j := range s.Services[i].Backends {
			out = append(out, deployment(s.Services[i].Namespace, &s.Services[i].Backends[j]))
		}
		for _, u := range s.Services[i].Unread {
			out = append(out, unreadObject(&s.Services[i], u))
		}
	}
	for _, c := range s.Callers {
		if !slices.Contains(namespaces, c.Namespace) { // the others are behind Services
			out = append(out, callerObject(c))
		}
	}
	return append(out, policies(s)...)
}

func serviceObject(s *model.Service) object {
	annotations := object{}
	say := func(name, value string) {
		if value != "" {
			annotations[name] = value
		}
	}
	say("overrides.mesh/released", strings.Join(s.Settings.ReleasedVersions, ","))
	say("overrides.mesh/conditions", strings.Join(s.Settings.Conditions, ","))
	say("overrides.mesh/methods", strings.Join(s.Settings.Methods, ","))
	say("overrides.mesh/strict", string(s.Settings.Strict))
	say("overrides.mesh/version-of", s.BaseText())
	say("overrides.mesh/version", s.Version)
	if value, said := previewsAnnotation(s.Settings.Previews); said {
		annotations["overrides.mesh/preview-namespaces"] = value
	}
	say("networking.istio.io/exportTo", strings.Join(s.ExportTo, ","))
	return object{
		"apiVersion": "v1", "kind": "Service", "spec": serviceSpec(s),
		"metadata": object{"namespace": s.Namespace, "name": s.Name, "annotations": annotations},
	}
}

func serviceSpec(s *model.Service) object {
	var ports []object
	for _, p := range s.Ports {
		ports = append(ports, object{"name": p.Name, "port": p.Number})
	}
	spec := object{"ports": ports}
	if s.ExternalName != "" {
		spec["type"], spec["externalName"] = "ExternalName", s.ExternalName
		return spec
	}
	spec["selector"] = s.Selector
	if s.Headless {
		spec["clusterIP"] = "None"
	}
	if len(s.Reachable) > 0 {
		// The first says the type of the Service.
		spec["type"], _, _ = strings.Cut(s.Reachable[0], " ")
		ports[0]["nodePort"] = 30080
	}
	return spec
}

func deployment(namespace string, b *model.Backend) object {
	selector := b.Selector
	if selector == nil {
		selector = map[string]string{"workload": b.Workload.Name}
	}
	meta := object{"namespace": namespace, "name": b.Workload.Name}
	if !b.Created.IsZero() {
		meta["creationTimestamp"] = b.Created.Format(time.RFC3339)
	}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
		"spec": object{
			"replicas": max(b.Pods, 1),
			"selector": object{"matchLabels": selector},
			"template": object{"metadata": object{"labels": b.Labels}},
		},
	}
}

// callerObject is a workload that only calls, with or without a sidecar.
func callerObject(c model.Caller) object {
	labels := object{c.Label: c.Name}
	template := object{"labels": labels}
	if c.NoSidecar {
		template["labels"] = object{c.Label: c.Name, "sidecar.istio.io/inject": "false"}
	}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"namespace": c.Namespace, "name": c.Name},
		"spec": object{"selector": object{"matchLabels": labels}, "template": object{"metadata": template}},
	}
}

// unreadObject is something behind a Service that no workload stands for.
func unreadObject(s *model.Service, u model.Unread) object {
	meta := object{"namespace": u.Object.Namespace, "name": u.Object.Name}
	switch u.Object.Kind {
	case "WorkloadEntry":
		return object{
			"apiVersion": "networking.istio.io/v1", "kind": u.Object.Kind, "metadata": meta,
			"spec": object{"address": "10.9.8.6", "labels": u.Labels},
		}
	case "EndpointSlice":
		meta["labels"] = object{"kubernetes.io/service-name": s.Name}
		var ports []object
		for _, p := range s.Ports {
			ports = append(ports, object{"name": p.Name, "port": p.Number})
		}
		return object{
			"apiVersion": "discovery.k8s.io/v1", "kind": u.Object.Kind, "metadata": meta, "addressType": "IPv4",
			"endpoints": []object{{"addresses": []string{"10.9.8.5"}}}, "ports": ports,
		}
	}
	template := object{"metadata": object{"labels": u.Labels}, "spec": object{"containers": []object{{"name": "app"}}}}
	return object{
		"apiVersion": "apps.kruise.io/v1alpha1", "kind": u.Object.Kind, "metadata": meta,
		"spec": object{"replicas": 3, "selector": object{"matchLabels": u.Labels}, "template": template},
	}
}
