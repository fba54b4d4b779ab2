package compiletest_test

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/model"
)

// occurrence is one form that a shape takes.
type occurrence struct {
	shape compiletest.Shapes
	form  string
	holds func(s look) bool
}

func host(holds func(host string) bool) func(look) bool {
	return func(s look) bool {
		return s.anyHost(func(_ *model.VirtualService, h string) bool { return holds(h) })
	}
}

func route(holds func(r *istioapi.HTTPRoute) bool) func(look) bool {
	return func(s look) bool { return s.anyRoute(holds) }
}

func match(holds func(m *istioapi.HTTPMatchRequest) bool) func(look) bool {
	return func(s look) bool { return s.anyMatch(holds) }
}

func service(holds func(v *model.Service) bool) func(look) bool {
	return func(s look) bool { return s.anyService(holds) }
}

func rule(holds func(r *model.DestinationRule) bool) func(look) bool {
	return func(s look) bool { return s.anyRule(holds) }
}

func sidecar(holds func(c *model.Sidecar) bool) func(look) bool {
	return func(s look) bool { return s.anySidecar(holds) }
}

// egress looks at the hosts that a Sidecar imports.
func egress(holds func(host string) bool) func(look) bool {
	return sidecar(func(c *model.Sidecar) bool {
		return slices.ContainsFunc(c.Spec.Egress, func(l *istioapi.IstioEgressListener) bool { return slices.ContainsFunc(l.Hosts, holds) })
	})
}

func port(holds func(p model.Port) bool) func(look) bool {
	return service(func(v *model.Service) bool { return slices.ContainsFunc(v.Ports, holds) })
}

// aged looks at the ages of objects of Istio's.
func aged(holds func(years int) bool) func(look) bool {
	return func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return holds(v.Created.Compare(compiletest.Made)) && !v.Created.IsZero()
		})
	}
}

// hostShapes are the forms of hosts.
var hostShapes = []occurrence{
	{compiletest.Spellings, "name.namespace", host(func(h string) bool { return h == "cart.shop" })},
	{compiletest.Spellings, "name.namespace.svc", host(func(h string) bool { return h == "cart.shop.svc" })},
	{compiletest.Spellings, "capitals", host(func(h string) bool { return h != strings.ToLower(h) })},
	{compiletest.Spellings, "short and full in one object", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return slices.Contains(v.Spec.Hosts, "cart") && slices.Contains(v.Spec.Hosts, resolved("cart", v.Namespace))
		})
	}},
	{compiletest.PartialNames, "partial name that leads elsewhere", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return slices.Contains(v.Spec.Hosts, "web.shop") && slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool {
				return slices.ContainsFunc(r.Route, func(d *istioapi.HTTPRouteDestination) bool { return strings.HasPrefix(d.Destination.Host, "cart") })
			})
		})
	}},
	{compiletest.PublicNames, "public name alone", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return len(v.Spec.Hosts) == 1 && isPublic(v.Spec.Hosts[0]) && !isWildcard(v.Spec.Hosts[0])
		})
	}},
	{compiletest.PublicNames, "public name beside a Service's", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return slices.Contains(v.Spec.Hosts, "front.example.com") && slices.Contains(v.Spec.Hosts, "cart")
		})
	}},
	{compiletest.Wildcards, "*.shop.svc.cluster.local", host(func(h string) bool { return h == "*.shop.svc.cluster.local" })},
	{compiletest.Wildcards, "*.local", host(func(h string) bool { return h == "*.local" })},
	{compiletest.Wildcards, "*.example.com", host(func(h string) bool { return h == "*.example.com" })},
	{compiletest.Aliases, "alias as a host", host(func(h string) bool { return strings.HasPrefix(h, "alias") })},
	{compiletest.Aliases, "alias as a destination", func(s look) bool {
		return s.anyDestination(func(d *istioapi.Destination) bool { return strings.HasPrefix(d.Host, "alias") })
	}},
	{compiletest.Aliases, "alias of an alias", service(func(v *model.Service) bool { return strings.HasPrefix(v.ExternalName, "alias.") })},
	{compiletest.Aliases, "alias of another namespace's", service(func(v *model.Service) bool {
		return v.ExternalName != "" && strings.Contains(v.ExternalName, ".svc.") && !strings.Contains(v.ExternalName, "."+v.Namespace+".")
	})},
	{compiletest.ServiceEntries, "over pods", func(s look) bool {
		return s.anyEntry(func(e *model.ServiceEntry) bool {
			return e.Spec.WorkloadSelector != nil && e.Spec.Hosts[0] == "cart.internal"
		})
	}},
	{compiletest.ServiceEntries, "public", func(s look) bool {
		return s.anyEntry(func(e *model.ServiceEntry) bool { return e.Spec.Hosts[0] == "front.example.com" })
	}},
	{compiletest.ServiceEntries, "as a destination", func(s look) bool {
		return s.anyDestination(func(d *istioapi.Destination) bool { return d.Host == "cart.internal" })
	}},
	{compiletest.EntriesOfServices, "host of a Service", func(s look) bool {
		return s.anyEntry(func(e *model.ServiceEntry) bool { return s.serviceOf(e.Spec.Hosts[0]) != nil })
	}},
	{compiletest.Names, "begins with a digit", service(func(v *model.Service) bool { return v.Name == "3scale" })},
	{compiletest.Names, "as what is made", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return v.Name == "cart-overrides" })
	}},
	{compiletest.Names, "longer than a label", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return len(v.Name) > 63 })
	}},
}

// visibilityShapes are the forms of who sees, reads and imports objects.
var visibilityShapes = []occurrence{
	{compiletest.Revisions, "VirtualService of a revision", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool { return v.Revision == "canary" })
	}},
	{compiletest.Revisions, "DestinationRule of a revision", rule(func(r *model.DestinationRule) bool { return r.Revision == "canary" })},
	{compiletest.Revisions, "object of a tag", rule(func(r *model.DestinationRule) bool { return r.Revision == "prod" })},
	{compiletest.Revisions, "Sidecar of a revision", sidecar(func(c *model.Sidecar) bool { return c.Revision != "" })},
	{compiletest.Revisions, "callers of a known revision", func(s look) bool { return s.Revisions["front"] == "canary" }},
	{compiletest.Revisions, "callers of an unknown revision", func(s look) bool { return s.Revisions["front"] == "gone" }},
	{compiletest.Revisions, "callers of a tag", func(s look) bool { return s.Revisions["shop"] == "prod" && s.Tags["prod"] == "canary" }},
	{compiletest.Sidecars, "./*", egress(func(h string) bool { return h == "./*" })},
	{compiletest.Sidecars, "namespace/*", egress(func(h string) bool { return h == "shop/*" })},
	{compiletest.Sidecars, "*/*", egress(func(h string) bool { return h == "*/*" })},
	{compiletest.Sidecars, "exact host", egress(func(h string) bool { return h == "shop/cart.shop.svc.cluster.local" })},
	{compiletest.Sidecars, "~/*", egress(func(h string) bool { return h == "~/*" })},
	{compiletest.Sidecars, "of a port", sidecar(func(c *model.Sidecar) bool { return c.Spec.Egress[0].Port != nil })},
	{compiletest.Sidecars, "for some workloads", sidecar(func(c *model.Sidecar) bool { return c.Spec.WorkloadSelector != nil })},
	{compiletest.Sidecars, "of the root namespace", sidecar(func(c *model.Sidecar) bool { return c.Namespace == "istio-system" })},
	{compiletest.MeshDefaults, "VirtualServices private", func(s look) bool { return slices.Equal(s.Mesh.VirtualServiceExportTo, []string{"."}) }},
	{compiletest.MeshDefaults, "DestinationRules private", func(s look) bool { return slices.Equal(s.Mesh.DestinationRuleExportTo, []string{"."}) }},
	{compiletest.MeshDefaults, "Services private", func(s look) bool { return isPrivate(s.Mesh.ServiceExportTo) }},
	{compiletest.ServiceExports, "Service private", service(func(v *model.Service) bool { return slices.Equal(v.ExportTo, []string{"."}) })},
	{compiletest.ServiceExports, "Service for others", service(func(v *model.Service) bool { return slices.Contains(v.ExportTo, "front") })},
	{compiletest.PrivateRules, "VirtualService private", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return len(v.Spec.Hosts) > 0 && slices.Equal(v.Spec.ExportTo, []string{"."})
		})
	}},
	{compiletest.PrivateRules, "rule private", rule(func(r *model.DestinationRule) bool {
		return r.Spec.WorkloadSelector == nil && slices.Equal(r.Spec.ExportTo, []string{"."})
	})},
	{compiletest.PrivateRules, "rule for its own namespace by name", rule(func(r *model.DestinationRule) bool { return slices.Equal(r.Spec.ExportTo, []string{r.Namespace}) })},
	{compiletest.PrivateRules, "rule for another namespace", rule(func(r *model.DestinationRule) bool { return slices.Equal(r.Spec.ExportTo, []string{"front"}) })},
	{compiletest.PrivateRules, "rule for several namespaces", rule(func(r *model.DestinationRule) bool { return len(r.Spec.ExportTo) > 1 })},
	{compiletest.PrivateRules, "wildcard of the root namespace", rule(func(r *model.DestinationRule) bool {
		return r.Namespace == "istio-system" && r.Spec.Host == "*.local" && isPrivate(r.Spec.ExportTo) && r.Spec.WorkloadSelector == nil
	})},
	{compiletest.RuleSelectors, "rule for some callers", rule(func(r *model.DestinationRule) bool { return r.Spec.WorkloadSelector != nil })},
	{compiletest.Affinity, "by hash", rule(func(r *model.DestinationRule) bool { return byHash(r.Spec.TrafficPolicy) })},
	{compiletest.Affinity, "by hash on a port", rule(func(r *model.DestinationRule) bool { return len(r.Spec.TrafficPolicy.GetPortLevelSettings()) > 0 })},
	{compiletest.Affinity, "by hash in a subset", rule(func(r *model.DestinationRule) bool {
		return slices.ContainsFunc(r.Spec.Subsets, func(s *istioapi.Subset) bool { return byHash(s.TrafficPolicy) })
	})},
	{compiletest.Ages, "older", aged(func(c int) bool { return c < 0 })},
	{compiletest.Ages, "as old", aged(func(c int) bool { return c == 0 })},
	{compiletest.Ages, "younger", aged(func(c int) bool { return c > 0 })},
	{compiletest.PreviewNamespaces, "version of another namespace's", service(func(v *model.Service) bool { return v.VersionOfIn != "" })},
	{compiletest.PreviewNamespaces, "permitted", permits(func(p *model.NamespaceSelector) bool { return p.All })},
	{compiletest.PreviewNamespaces, "permitted by labels", permits(func(p *model.NamespaceSelector) bool { return len(p.Selector) > 1 })},
	{compiletest.PreviewNamespaces, "labels that are not known", func(s look) bool { return s.NamespaceLabels != nil && s.NamespaceLabels["pr-1"] == nil }},
	{compiletest.PreviewNamespaces, "policy beside the preview", func(s look) bool {
		return slices.ContainsFunc(s.Policies, func(p model.Policy) bool { return p.Namespace == "pr-1" })
	}},
}

func permits(holds func(*model.NamespaceSelector) bool) func(look) bool {
	return service(func(v *model.Service) bool { return v.Settings.Previews != nil && holds(v.Settings.Previews) })
}
