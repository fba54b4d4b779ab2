package demo

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/overrides-mesh/overrides/internal/demo/judge"
	"github.com/overrides-mesh/overrides/internal/demo/sample"
	"github.com/overrides-mesh/overrides/internal/demo/workload"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Entry is the Service for requests that name none.
type Entry struct {
	// Namespace and Name are those of the Service, Host its full name, and URL the
	// client's URL for it; empty if no Service can answer.
	Namespace, Name, Host, URL string
}

// Entry returns the Service with the longest chain behind it among those that no Service
// calls, or among all if each is called. A Service without a port for HTTP, or without
// pods, can't be the entry.
func (s *State) Entry() Entry {
	calls := s.calls()
	called := map[string]bool{}
	for _, to := range calls {
		for host := range to {
			called[host] = true
		}
	}
	best, bestLength := -1, 0
	lengths := map[string]int{}
	for i := range s.Snapshot.Services {
		service := &s.Snapshot.Services[i]
		if httpPort(service) == 0 || !slices.ContainsFunc(service.Backends, func(b model.Backend) bool { return b.Ready > 0 }) {
			continue
		}
		host := s.host(service)
		length := longest(calls, host, lengths)
		if !called[host] {
			length += len(s.Snapshot.Services)
		}
		if length > bestLength {
			best, bestLength = i, length
		}
	}
	if best < 0 {
		return Entry{}
	}
	service := &s.Snapshot.Services[best]
	return Entry{Namespace: service.Namespace, Name: service.Name, Host: s.host(service), URL: callURL(service, service.Namespace)}
}

// callURL returns the URL of a Service for a caller in a namespace: its name, and its
// first port for HTTP if a URL without a port means another one.
func callURL(service *model.Service, namespace string) string {
	host := service.Name
	if service.Namespace != namespace {
		host += "." + service.Namespace
	}
	if port := httpPort(service); port != 0 && port != 80 {
		host += ":" + strconv.Itoa(int(port))
	}
	return "http://" + host + "/"
}

// httpPort returns the lowest port of a Service that carries HTTP, 0 if there is none.
// Requests to the address of the client's Envoy go to this port.
func httpPort(service *model.Service) uint32 {
	var lowest uint32
	for _, p := range service.Ports {
		if p.HTTP && (lowest == 0 || p.Number < lowest) {
			lowest = p.Number
		}
	}
	return lowest
}

// Client returns the caller of the first Service: an ordinary caller.
func (s *State) Client() route.Caller {
	return route.Caller{
		Namespace: cmp.Or(s.Entry().Namespace, defaultNamespace),
		Labels:    map[string]string{"app": clientName},
	}
}

func (s *State) host(service *model.Service) string {
	return s.Snapshot.Options.FQDN(service.Name, service.Namespace)
}

// calls lists the Services that the pods of a Service call, by host.
func (s *State) calls() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for i := range s.Snapshot.Services {
		service := &s.Snapshot.Services[i]
		to := map[string]bool{}
		for j := range s.Workloads {
			w := &s.Workloads[j]
			if w.Namespace != service.Namespace || len(service.Selector) == 0 || !model.HasLabels(w.Labels, service.Selector) {
				continue
			}
			for _, next := range s.next(w) {
				if u, err := url.Parse(next); err == nil {
					if called := judge.Resolve(s.Snapshot, u.Hostname(), w.Namespace); called != nil {
						to[s.host(called)] = true
					}
				}
			}
		}
		out[s.host(service)] = to
	}
	return out
}

// next lists the URLs that the pods of a workload call.
func (s *State) next(w *workload.Workload) []string {
	config, err := sample.Parse(w.Getenv(w.Pod(0), s.Snapshot.Options.VersionLabel))
	if err != nil || config.Echo {
		return nil
	}
	return config.Next
}

// longest returns the maximum number of Services that a request to host passes. Services
// in a cycle are counted once.
func longest(calls map[string]map[string]bool, host string, known map[string]int) int {
	if length, ok := known[host]; ok {
		return length
	}
	known[host] = 0 // while it is being counted
	length := 0
	for next := range calls[host] {
		length = max(length, longest(calls, next, known))
	}
	known[host] = length + 1
	return length + 1
}

// canonicalName is the label that Istio's injection adds to every pod.
const canonicalName = "service.istio.io/canonical-name"

// identity returns the labels of a workload's pods by which tables identify callers.
func identity(w *workload.Workload) map[string]string {
	out := map[string]string{canonicalName: cmp.Or(w.Labels["app.kubernetes.io/name"], w.Labels["app"], w.Name)}
	maps.Copy(out, w.Labels)
	return out
}
