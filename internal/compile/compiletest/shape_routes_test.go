package compiletest_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/model"
)

// ofHosts looks at VirtualServices that are no delegates.
func ofHosts(holds func(v *model.VirtualService) bool) func(look) bool {
	return func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Spec.Hosts) > 0 && len(v.Spec.Http) > 0 && holds(v) })
	}
}

// everyMatch reports whether all routes of a VirtualService have matches, and all
// of these something.
func everyMatch(v *model.VirtualService, holds func(m *istioapi.HTTPMatchRequest) bool) bool {
	return !slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool {
		return len(r.Match) == 0 || slices.ContainsFunc(r.Match, func(m *istioapi.HTTPMatchRequest) bool { return !holds(m) })
	})
}

func byCaller(m *istioapi.HTTPMatchRequest) bool {
	return m.SourceNamespace != "" || len(m.SourceLabels) > 0
}

func longest(headers ...map[string]*istioapi.StringMatch) int {
	length := 0
	for _, h := range headers {
		for m := range maps.Values(h) {
			length = max(length, len(m.GetRegex()))
		}
	}
	return length
}

func spelledTwice(headers map[string]*istioapi.StringMatch) bool {
	seen := map[string]bool{}
	for name := range headers {
		if seen[strings.ToLower(name)] {
			return true
		}
		seen[strings.ToLower(name)] = true
	}
	return false
}

// routeShapes are the forms of destinations, matches and ports, and of everything that a copy
// of a route has to keep.
var routeShapes = []occurrence{
	{compiletest.CallerRoutes, "by role", match(func(m *istioapi.HTTPMatchRequest) bool { return m.SourceLabels["role"] != "" })},
	{compiletest.CallerRoutes, "from the root namespace", match(func(m *istioapi.HTTPMatchRequest) bool { return m.SourceNamespace == "istio-system" })},
	{compiletest.CallerRoutes, "no route for the others", ofHosts(func(v *model.VirtualService) bool {
		return everyMatch(v, byCaller) && v.Spec.Http[0].Match[0].SourceLabels["role"] != ""
	})},
	{compiletest.Gateways, "gateway only", ofHosts(func(v *model.VirtualService) bool { return len(v.Spec.Gateways) == 1 && v.Spec.Gateways[0] != "mesh" })},
	{compiletest.Gateways, "mesh and gateway", ofHosts(func(v *model.VirtualService) bool { return len(v.Spec.Gateways) == 2 })},
	{compiletest.Gateways, "matches on a gateway", match(func(m *istioapi.HTTPMatchRequest) bool { return len(m.Gateways) > 0 })},
	{compiletest.PortRoutes, "no route for other ports", ofHosts(func(v *model.VirtualService) bool {
		return everyMatch(v, func(m *istioapi.HTTPMatchRequest) bool { return m.Port != 0 && m.Port != 80 })
	})},
	{compiletest.PortRoutes, "a port's route and one for all", ofHosts(func(v *model.VirtualService) bool {
		last := v.Spec.Http[len(v.Spec.Http)-1]
		return len(last.Match) == 0 && slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool { return len(r.Match) > 0 && r.Match[0].Port == 8080 })
	})},
	{compiletest.Delegates, "delegated", route(func(r *istioapi.HTTPRoute) bool { return r.Delegate.GetName() == "delegate" })},
	{compiletest.Delegates, "missing", route(func(r *istioapi.HTTPRoute) bool { return r.Delegate.GetName() == "missing" })},
	{compiletest.Delegates, "private", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Spec.Hosts) == 0 && isPrivate(v.Spec.ExportTo) })
	}},
	{compiletest.Delegates, "perhaps in conflict", route(func(r *istioapi.HTTPRoute) bool {
		return r.Delegate != nil && len(r.Match) > 0 && r.Match[0].Uri != nil
	})},
	{compiletest.OtherProtocols, "tls beside http", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Spec.Tls) > 0 && len(v.Spec.Http) > 0 })
	}},
	{compiletest.OtherProtocols, "tls alone", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Spec.Tls) > 0 && len(v.Spec.Http) == 0 })
	}},
	{compiletest.OtherProtocols, "tcp alone", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Spec.Tcp) > 0 && len(v.Spec.Http) == 0 })
	}},
	{compiletest.Mirrors, "several mirrors", route(func(r *istioapi.HTTPRoute) bool { return len(r.Mirrors) > 1 })},
	{compiletest.Mirrors, "share of a mirror", route(func(r *istioapi.HTTPRoute) bool { return r.MirrorPercentage != nil })},
	{compiletest.Mirrors, "mirrors what it does not lead to", ofHosts(func(v *model.VirtualService) bool {
		return slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool {
			return len(r.Route) == 1 && slices.ContainsFunc(r.Mirrors, func(m *istioapi.HTTPMirrorPolicy) bool {
				return resolved(m.Destination.Host, v.Namespace) != resolved(r.Route[0].Destination.Host, v.Namespace)
			})
		})
	})},
	{compiletest.Subsets, "destination with a subset", route(func(r *istioapi.HTTPRoute) bool { return len(r.Route) > 0 && r.Route[0].Destination.Subset == "v1" })},
	{compiletest.WideSubsets, "subset with released pods and a preview", func(s look) bool {
		return s.anyRule(func(r *model.DestinationRule) bool {
			v := s.serviceOf(resolved(r.Spec.Host, r.Namespace))
			return v != nil && slices.ContainsFunc(r.Spec.Subsets, func(x *istioapi.Subset) bool { return isWide(v, x) })
		})
	}},
	{compiletest.Kept, "timeout", route(func(r *istioapi.HTTPRoute) bool { return r.Timeout.AsDuration() == 1500*time.Millisecond })},
	{compiletest.Kept, "retries", route(func(r *istioapi.HTTPRoute) bool { return r.Retries.GetRetryOn() == "5xx,reset" })},
	{compiletest.Kept, "rewrite of the authority", route(func(r *istioapi.HTTPRoute) bool { return r.Rewrite.GetAuthority() != "" })},
	{compiletest.Kept, "rewrite by regex", route(func(r *istioapi.HTTPRoute) bool { return r.Rewrite.GetUriRegexRewrite() != nil })},
	{compiletest.Kept, "redirect", route(func(r *istioapi.HTTPRoute) bool { return r.Redirect.GetAuthority() != "" })},
	{compiletest.Kept, "response with a body", route(func(r *istioapi.HTTPRoute) bool { return r.DirectResponse.GetBody() != nil })},
	{compiletest.Kept, "headers of the route", route(func(r *istioapi.HTTPRoute) bool { return len(r.Headers.GetRequest().GetRemove()) > 0 })},
	{compiletest.Kept, "headers of a destination", route(func(r *istioapi.HTTPRoute) bool {
		return len(r.Route) > 0 && len(r.Route[0].Headers.GetResponse().GetRemove()) > 0
	})},
	{compiletest.Kept, "delay", route(func(r *istioapi.HTTPRoute) bool { return r.Fault.GetDelay() != nil })},
	{compiletest.Kept, "abort of all", route(func(r *istioapi.HTTPRoute) bool { return r.Fault.GetAbort().GetPercentage().GetValue() == 100 })},
	{compiletest.Kept, "cors", route(func(r *istioapi.HTTPRoute) bool { return r.CorsPolicy != nil })},
	{compiletest.Matches, "authority", match(func(m *istioapi.HTTPMatchRequest) bool { return m.Authority != nil })},
	{compiletest.Matches, "scheme", match(func(m *istioapi.HTTPMatchRequest) bool { return m.Scheme != nil })},
	{compiletest.Matches, "several query parameters", match(func(m *istioapi.HTTPMatchRequest) bool { return len(m.QueryParams) > 1 })},
	{compiletest.Matches, "named", match(func(m *istioapi.HTTPMatchRequest) bool { return m.Name != "" })},
	{compiletest.HeaderSpellings, "one header in two spellings", match(func(m *istioapi.HTTPMatchRequest) bool { return spelledTwice(m.Headers) })},
	{compiletest.HeaderSpellings, "absence of one header in two spellings", match(func(m *istioapi.HTTPMatchRequest) bool { return spelledTwice(m.WithoutHeaders) })},
	{compiletest.LongPatterns, "near the limit", match(func(m *istioapi.HTTPMatchRequest) bool { return longest(m.Headers, m.WithoutHeaders) > 1000 })},
	{compiletest.LongPatterns, "with some room", match(func(m *istioapi.HTTPMatchRequest) bool {
		n := longest(m.Headers, m.WithoutHeaders)
		return n > 100 && n < 800
	})},
	{compiletest.BaggageMatches, "baggage by regex", match(func(m *istioapi.HTTPMatchRequest) bool {
		return strings.Contains(m.Headers["baggage"].GetRegex(), "canary")
	})},
	{compiletest.Weights, "weight 0", route(func(r *istioapi.HTTPRoute) bool {
		return len(r.Route) == 2 && r.Route[0].Weight == 100 && r.Route[1].Weight == 0
	})},
	{compiletest.Weights, "large weights", route(func(r *istioapi.HTTPRoute) bool { return len(r.Route) == 2 && r.Route[1].Weight > 1e9 })},
	{compiletest.Weights, "many pods", func(s look) bool {
		return s.anyBackend(func(_ *model.Service, b *model.Backend) bool { return b.Pods == 997 })
	}},
}

// isWide reports whether a subset holds pods that are labelled as a preview and others.
func isWide(v *model.Service, s *istioapi.Subset) bool {
	kinds := map[bool]bool{}
	for _, b := range v.Backends {
		if model.HasLabels(b.Labels, s.Labels) {
			kinds[b.Labels["overrides.mesh/preview"] == "true"] = true
		}
	}
	return len(kinds) == 2 && s.Labels["version"] == ""
}

// serviceShapes are the forms of Services and of the pods behind them.
var serviceShapes = []occurrence{
	{compiletest.Ports, "several", service(func(v *model.Service) bool { return len(v.Ports) > 2 })},
	{compiletest.Ports, "detected", port(func(p model.Port) bool { return p.Detected })},
	{compiletest.Ports, "tls", port(func(p model.Port) bool { return p.Number == 443 && !p.HTTP })},
	{compiletest.Unready, "released and unready", service(func(v *model.Service) bool {
		return len(v.Settings.ReleasedVersions) == 1 && slices.ContainsFunc(v.Backends, func(b model.Backend) bool {
			return b.Labels["version"] == v.Settings.ReleasedVersions[0] && b.Ready == 0 && b.Pods > 0
		})
	})},
	{compiletest.Unread, "workload", service(func(v *model.Service) bool { return len(v.Unread) > 0 && v.Unread[0].Object.Kind == "CloneSet" })},
	{compiletest.Unread, "WorkloadEntry", service(func(v *model.Service) bool { return len(v.Unread) > 0 && v.Unread[0].Object.Kind == "WorkloadEntry" })},
	{compiletest.Unread, "addresses", service(func(v *model.Service) bool { return len(v.Unread) > 0 && v.Unread[0].Labels == nil })},
	{compiletest.Doors, "Ingress", func(s look) bool { return len(s.Entrances) > 0 && s.Entrances[0].Kind == "Ingress" }},
	{compiletest.Doors, "HTTPRoute", func(s look) bool { return len(s.Entrances) > 0 && s.Entrances[0].Kind == "HTTPRoute" }},
	{compiletest.Doors, "NodePort", service(func(v *model.Service) bool { return len(v.Reachable) == 1 })},
	{compiletest.Doors, "LoadBalancer", service(func(v *model.Service) bool { return len(v.Reachable) == 2 })},
	{compiletest.Doors, "caller without a sidecar", func(s look) bool {
		return slices.ContainsFunc(s.Callers, func(c model.Caller) bool { return c.NoSidecar })
	}},
	{compiletest.Refused, "VirtualService", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return v.Name == "refused" })
	}},
}
