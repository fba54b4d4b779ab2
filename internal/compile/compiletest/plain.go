package compiletest

import (
	"fmt"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/model"
)

var (
	namespaces = []string{"shop", "lab"}
	names      = []string{"cart", "web"}
	// versions have the shapes that have gone wrong elsewhere: one that is the
	// beginning of another, dots, capitals, underscores.
	versions = []string{"v1", "v2", "v20", "v2.1", "Feature_X"}
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// This file and plain_virtualservice.go generate what has no shape. What they draw,
// and in which order, stays as it is: seeds of failures that were found are kept.

// plain generates a cluster without shapes.
func plain(t *rapid.T) *model.Snapshot {
	s := plainServices(t)
	if rapid.Bool().Draw(t, "virtualServices") {
		s.VirtualServices = virtualServices(t)
	}
	if rapid.Bool().Draw(t, "destinationRules") {
		s.DestinationRules = destinationRules(t)
	}
	return s
}

// plainServices generates the Services of two namespaces, and their callers.
func plainServices(t *rapid.T) *model.Snapshot {
	s := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"lab", "shop"}}
	for _, namespace := range namespaces {
		for _, name := range names {
			if rapid.IntRange(0, 3).Draw(t, "exists") > 0 {
				s.Services = append(s.Services, service(t, namespace, name)...)
			}
			s.Callers = append(s.Callers, model.Caller{Namespace: namespace, Name: name, Label: "app"})
		}
	}
	return s
}

// service generates a Service and, sometimes, one for an isolated version of it.
func service(t *rapid.T, namespace, name string) []model.Service {
	s := model.Service{
		Namespace: namespace, Name: name,
		Ports:    []model.Port{{Name: "http", Number: 80, HTTP: true}},
		Selector: map[string]string{"app": name},
		Headless: rapid.IntRange(0, 9).Draw(t, "headless") == 0,
	}
	switch rapid.IntRange(0, 3).Draw(t, "ports") {
	case 0:
		s.Ports = append(s.Ports, model.Port{Name: "grpc", Number: 9090, HTTP: true})
	case 1:
		s.Ports = append(s.Ports, model.Port{Name: "tcp-admin", Number: 9999})
	}
	for i := range rapid.SampledFrom([]int{0, 1, 2, 3, 3, 4}).Draw(t, "workloads") {
		s.Backends = append(s.Backends, backend(t, name, i))
	}
	s.Settings = settings(t)
	out := []model.Service{s}
	if rapid.IntRange(0, 3).Draw(t, "isolated") == 0 {
		iso := model.Service{
			Namespace: namespace, Name: name + "-alone", VersionOf: name,
			Ports: s.Ports, Selector: map[string]string{"app": name + "-alone"},
		}
		b := backend(t, name+"-alone", 9)
		b.Labels["version"] = rapid.SampledFrom(versions[1:]).Draw(t, "isolatedVersion")
		iso.Backends = []model.Backend{b}
		out = append(out, iso)
	}
	return out
}

func backend(t *rapid.T, app string, i int) model.Backend {
	labels := map[string]string{"app": app}
	if rapid.IntRange(0, 4).Draw(t, "labelled") > 0 {
		labels["version"] = rapid.SampledFrom(versions).Draw(t, "version")
	}
	if rapid.IntRange(0, 3).Draw(t, "preview") == 0 {
		labels["overrides.mesh/preview"] = "true"
	}
	b := model.Backend{Workload: model.Workload{Kind: "Deployment", Name: fmt.Sprintf("%s-%d", app, i)}, Labels: labels}
	b.Pods = rapid.IntRange(0, 3).Draw(t, "pods")
	b.Ready = rapid.IntRange(0, b.Pods).Draw(t, "ready")
	if rapid.Bool().Draw(t, "aged") {
		b.Created = epoch.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Hour)
	}
	switch rapid.IntRange(0, 2).Draw(t, "selector") {
	case 0:
		b.Selector = map[string]string{"app": app}
	case 1:
		b.Selector = map[string]string{"app": app, "version": labels["version"]}
		if labels["version"] == "" {
			b.Selector = nil
		}
	}
	return b
}

func settings(t *rapid.T) model.Settings {
	var s model.Settings
	if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
		s.ReleasedVersions = rapid.SliceOfNDistinct(rapid.SampledFrom(versions), 1, 3, rapid.ID).Draw(t, "released")
	}
	if rapid.IntRange(0, 3).Draw(t, "from") == 0 {
		s.Conditions = append(s.Conditions, "from")
	}
	if rapid.IntRange(0, 3).Draw(t, "method") == 0 {
		s.Conditions = append(s.Conditions, "method")
		s.Methods = []string{"GET", "POST"}
	}
	if rapid.IntRange(0, 5).Draw(t, "strict") == 0 {
		s.Strict = model.StrictAlways
	}
	return s
}

func destinationRules(t *rapid.T) []model.DestinationRule {
	hosts := []string{"cart", "cart", "web", "cart.shop.svc.cluster.local", "*.shop.svc.cluster.local", "*.local"}
	var out []model.DestinationRule
	for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
		spec := &istioapi.DestinationRule{
			Host:     rapid.SampledFrom(hosts).Draw(t, "ruleHost"),
			ExportTo: rapid.SampledFrom([][]string{nil, nil, {"*"}, {"."}, {"shop"}, {"shop", "lab"}}).Draw(t, "ruleExportTo"),
		}
		if rapid.Bool().Draw(t, "policy") {
			spec.TrafficPolicy = &istioapi.TrafficPolicy{ConnectionPool: &istioapi.ConnectionPoolSettings{
				Http: &istioapi.ConnectionPoolSettings_HTTPSettings{MaxRetries: 7},
			}}
		}
		for _, v := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"v1", "v2", "v20"}), 0, 2, rapid.ID).Draw(t, "subsets") {
			subset := &istioapi.Subset{Name: v, Labels: map[string]string{"version": v}}
			if rapid.IntRange(0, 3).Draw(t, "subsetPolicy") == 0 {
				subset.TrafficPolicy = &istioapi.TrafficPolicy{LoadBalancer: &istioapi.LoadBalancerSettings{
					LbPolicy: &istioapi.LoadBalancerSettings_Simple{Simple: istioapi.LoadBalancerSettings_RANDOM},
				}}
			}
			spec.Subsets = append(spec.Subsets, subset)
		}
		out = append(out, model.DestinationRule{
			Namespace: rapid.SampledFrom([]string{"shop", "shop", "lab", "istio-system"}).Draw(t, "ruleNamespace"),
			Name:      fmt.Sprintf("rule-%d", i), Spec: spec,
		})
	}
	return out
}
