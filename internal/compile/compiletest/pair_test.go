package compiletest_test

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/model"
)

// pair is two shapes that meet at one Service, in a way that has gone wrong or may.
type pair struct {
	form  string
	holds func(s look) bool
}

// aboutService looks for a VirtualService and the Service that one of its hosts is.
func aboutService(holds func(s look, v *model.VirtualService, of *model.Service) bool) func(look) bool {
	return func(s look) bool {
		return s.anyHost(func(v *model.VirtualService, h string) bool {
			of := s.serviceOf(resolved(h, v.Namespace))
			return of != nil && holds(s, v, of)
		})
	}
}

// twoOfService looks for a Service with two VirtualServices.
func twoOfService(holds func(a, b *model.VirtualService) bool) func(look) bool {
	return aboutService(func(s look, a *model.VirtualService, of *model.Service) bool {
		return s.anyVS(func(b *model.VirtualService) bool {
			return (b.Name != a.Name || b.Namespace != a.Namespace) && namesService(b, of) && holds(a, b)
		})
	})
}

// namesService reports whether a VirtualService has a host that is one of the domains of a Service.
func namesService(v *model.VirtualService, of *model.Service) bool {
	full := resolved(of.Name, of.Namespace)
	return slices.ContainsFunc(v.Spec.Hosts, func(h string) bool {
		h = resolved(h, v.Namespace)
		return h == full || h+".cluster.local" == full || h+".svc.cluster.local" == full
	})
}

// ruleOf looks for a Service that a rule is about.
func ruleOf(holds func(s look, r *model.DestinationRule, of *model.Service) bool) func(look) bool {
	return func(s look) bool {
		return s.anyRule(func(r *model.DestinationRule) bool {
			of := s.serviceOf(resolved(r.Spec.Host, r.Namespace))
			return of != nil && holds(s, r, of)
		})
	}
}

// mirroredTo looks for a mirror to a Service of which something holds.
func mirroredTo(holds func(s look, of *model.Service) bool) func(look) bool {
	return func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool {
				return slices.ContainsFunc(mirrorsOf(r), func(d *istioapi.Destination) bool {
					of := s.serviceOf(resolved(d.Host, v.Namespace))
					return of != nil && holds(s, of)
				})
			})
		})
	}
}

func hasRule(s look, of *model.Service, holds func(r *model.DestinationRule) bool) bool {
	return s.anyRule(func(r *model.DestinationRule) bool {
		return resolved(r.Spec.Host, r.Namespace) == resolved(of.Name, of.Namespace) && holds(r)
	})
}

var pairs = []pair{
	{"a partial host and a full one, of two ages", twoOfService(func(a, b *model.VirtualService) bool {
		return isPartial(b.Spec.Hosts[0]) && !a.Created.Equal(b.Created)
	})},
	{"a partial host younger than what is made, at a Service with a preview", func(s look) bool {
		return s.anyService(func(of *model.Service) bool {
			return versions(of) > 1 && s.anyVS(func(v *model.VirtualService) bool {
				return v.Created.After(compiletest.Made) && isPartial(strings.Join(v.Spec.Hosts[:min(1, len(v.Spec.Hosts))], "")) && namesService(v, of)
			})
		})
	}},
	{"a host of another revision, and none", aboutService(func(_ look, v *model.VirtualService, of *model.Service) bool {
		return v.Revision == "canary" && versions(of) > 1
	})},
	{"one host, of a revision and of none", twoOfService(func(a, b *model.VirtualService) bool { return a.Revision == "" && b.Revision != "" })},
	{"a subset in a rule of another revision", ruleOf(func(_ look, r *model.DestinationRule, of *model.Service) bool {
		return r.Revision == "canary" && len(r.Spec.Subsets) > 0 && versions(of) > 1
	})},
	{"a VirtualService in a namespace that a Sidecar does not import", aboutService(func(s look, v *model.VirtualService, of *model.Service) bool {
		return v.Namespace == "routing" && s.anySidecar(func(c *model.Sidecar) bool {
			return c.Spec.WorkloadSelector == nil && slices.Contains(c.Spec.Egress[len(c.Spec.Egress)-1].Hosts, of.Namespace+"/*")
		})
	})},
	{"a Sidecar and a preview that it imports", func(s look) bool {
		return len(s.Sidecars) > 0 && s.anyService(func(of *model.Service) bool { return of.Namespace == "shop" && versions(of) > 1 }) &&
			egress(func(h string) bool { return h == "shop/*" })(s)
	}},
	{"mesh defaults for rules, and a preview", func(s look) bool {
		return isPrivate(s.Mesh.DestinationRuleExportTo) && s.anyService(func(of *model.Service) bool { return versions(of) > 1 })
	}},
	{"mesh defaults, and a VirtualService without exportTo", aboutService(func(s look, v *model.VirtualService, _ *model.Service) bool {
		return isPrivate(s.Mesh.VirtualServiceExportTo) && v.Spec.ExportTo == nil
	})},
	{"a private rule at a Service with a preview", ruleOf(func(_ look, r *model.DestinationRule, of *model.Service) bool {
		return isPrivate(r.Spec.ExportTo) && versions(of) > 1
	})},
	{"a rule in a client's namespace at a Service with a preview", ruleOf(func(_ look, r *model.DestinationRule, of *model.Service) bool {
		return r.Namespace != of.Namespace && r.Namespace != "istio-system" && versions(of) > 1
	})},
	{"two rules of different exportTo", ruleOf(func(s look, r *model.DestinationRule, of *model.Service) bool {
		return hasRule(s, of, func(o *model.DestinationRule) bool {
			return o.Name != r.Name && !slices.Equal(o.Spec.ExportTo, r.Spec.ExportTo)
		})
	})},
	{"a mirror to a Service with a private rule and a preview", mirroredTo(func(s look, of *model.Service) bool {
		return versions(of) > 1 && hasRule(s, of, func(r *model.DestinationRule) bool { return isPrivate(r.Spec.ExportTo) })
	})},
	{"a mirror to a Service with a preview", mirroredTo(func(_ look, of *model.Service) bool { return previews(of) })},
	{"a destination that is an alias of a Service with a preview", func(s look) bool {
		return s.anyDestination(func(d *istioapi.Destination) bool {
			alias := s.serviceOf(d.Host)
			if alias == nil || alias.ExternalName == "" {
				return false
			}
			of := s.serviceOf(alias.ExternalName)
			return of != nil && versions(of) > 1
		})
	}},
	{"affinity and two released versions", ruleOf(func(_ look, r *model.DestinationRule, of *model.Service) bool {
		return byHash(r.Spec.TrafficPolicy) && len(of.Settings.ReleasedVersions) > 1 && versions(of) > 2
	})},
	{"a wide subset that a route names", func(s look) bool {
		return s.anyVS(func(v *model.VirtualService) bool {
			return slices.ContainsFunc(v.Spec.Http, func(r *istioapi.HTTPRoute) bool {
				return slices.ContainsFunc(destinationsOf(r), func(d *istioapi.Destination) bool {
					of := s.serviceOf(resolved(d.Host, v.Namespace))
					return of != nil && hasRule(s, of, func(x *model.DestinationRule) bool {
						return slices.ContainsFunc(x.Spec.Subsets, func(u *istioapi.Subset) bool { return u.Name == d.Subset && isWide(of, u) })
					})
				})
			})
		})
	}},
	{"routes for some callers only, at a Service with a preview", aboutService(func(_ look, v *model.VirtualService, of *model.Service) bool {
		return versions(of) > 1 && len(v.Spec.Http) > 0 && everyMatch(v, byCaller)
	})},
	{"a gateway's VirtualService to a Service with a preview", aboutService(func(_ look, v *model.VirtualService, of *model.Service) bool {
		return slices.Equal(v.Spec.Gateways, []string{"istio-system/public"}) && previews(of)
	})},
	{"something unread beside one workload", func(s look) bool {
		return s.anyService(func(v *model.Service) bool { return len(v.Unread) > 0 && len(v.Backends) == 1 })
	}},
	{"a ServiceEntry over the pods of a Service with a preview", func(s look) bool {
		return s.anyEntry(func(e *model.ServiceEntry) bool {
			return e.Spec.WorkloadSelector != nil && s.anyService(func(v *model.Service) bool {
				return v.Namespace == e.Namespace && v.Selector["app"] == e.Spec.WorkloadSelector.Labels["app"] && previews(v)
			})
		})
	}},
	{"a private wildcard and an exact host", aboutService(func(s look, v *model.VirtualService, of *model.Service) bool {
		return isPrivate(v.Spec.ExportTo) && s.anyHost(func(_ *model.VirtualService, h string) bool { return h == "*."+of.Namespace+".svc.cluster.local" })
	})},
	{"tls in one VirtualService, http in another", twoOfService(func(a, b *model.VirtualService) bool {
		return len(a.Spec.Http) > 0 && len(b.Spec.Http) == 0 && len(b.Spec.Tls) > 0
	})},
}
