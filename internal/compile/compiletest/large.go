package compiletest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Large returns as many Services as asked for, in namespaces of 50, each with its
// released version and others beside it. Of a hundred Services so many have objects of
// their users: a VirtualService of five routes, and a DestinationRule with a policy.
func Large(services, versions, percent int) *model.Snapshot {
	s := &model.Snapshot{Options: model.DefaultOptions()}
	for i := range services {
		namespace, name := fmt.Sprintf("team-%d", i/50), fmt.Sprintf("service-%d", i)
		service := model.Service{
			Namespace: namespace, Name: name,
			Ports:    []model.Port{{Name: "http", Number: 80, HTTP: true}},
			Selector: map[string]string{"app": name},
		}
		for v := range versions {
			labels := map[string]string{"app": name, "version": fmt.Sprintf("v%d", v+1)}
			service.Backends = append(service.Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: fmt.Sprintf("%s-v%d", name, v+1)},
				Selector: labels, Labels: labels, Pods: 2, Ready: 2,
			})
		}
		if i%50 == 0 {
			s.Namespaces = append(s.Namespaces, namespace)
		}
		s.Services = append(s.Services, service)
		if i*37%100 < percent { // spread evenly
			s.VirtualServices = append(s.VirtualServices, largeVirtualService(namespace, name))
			s.DestinationRules = append(s.DestinationRules, model.DestinationRule{
				Namespace: namespace, Name: name, Created: epoch,
				Spec: &istioapi.DestinationRule{Host: name, TrafficPolicy: &istioapi.TrafficPolicy{
					OutlierDetection: &istioapi.OutlierDetection{Consecutive_5XxErrors: wrapperspb.UInt32(5)},
				}},
			})
		}
		s.Callers = append(s.Callers, model.Caller{Namespace: namespace, Name: name, Label: "app"})
	}
	return s
}

func largeVirtualService(namespace, name string) model.VirtualService {
	spec := &istioapi.VirtualService{Hosts: []string{name}}
	for _, path := range []string{"/login", "/api/v1", "/api/v2", "/static", ""} {
		r := &istioapi.HTTPRoute{
			Timeout: durationpb.New(3 * time.Second),
			Route:   []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: name}}},
		}
		if path != "" {
			r.Match = []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: path}}}}
		}
		spec.Http = append(spec.Http, r)
	}
	return model.VirtualService{Namespace: namespace, Name: name, Created: epoch, Spec: spec}
}
