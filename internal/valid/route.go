package valid

import (
	istioapi "istio.io/api/networking/v1alpha3"
)

// httpRoute follows virtualservice.go: validateHTTPRoute.
func (c *Checker) httpRoute(at *path, r *istioapi.HTTPRoute, delegate bool) {
	c.conflicts(at, r, delegate)
	for i, m := range r.GetMatch() {
		if m != nil {
			here := at.at("match", i)
			c.match(&here, m)
		}
	}
	c.headerOperations(at, r.GetHeaders())
	c.cors(at, r.GetCorsPolicy())
	c.fault(at, r.GetFault())
	c.mirrors(at, r)
	c.redirect(at, r.GetRedirect(), r.GetMatch())
	c.directResponse(at, r.GetDirectResponse())
	c.retries(at, r.GetRetries())
	c.rewrite(at, r.GetRewrite())
	c.authority(at, r.GetRewrite(), r.GetHeaders())
	c.destinations(at, r.GetRoute())
	c.optionalDuration(at, "timeout", r.GetTimeout())
}

// conflicts follows virtualservice.go: validateHTTPRouteConflict.
func (c *Checker) conflicts(at *path, r *istioapi.HTTPRoute, delegate bool) {
	if r.GetDelegate() != nil {
		if !delegate {
			if r.GetRedirect() != nil || r.GetRoute() != nil {
				c.add(at, "a route that delegates must have neither route nor redirect")
			}
			return
		}
		c.add(at, "a delegate must not delegate")
	}
	answer := ""
	switch {
	case r.GetRedirect() != nil:
		answer = "redirect"
	case r.GetDirectResponse() != nil:
		answer = "directResponse"
	case len(r.GetRoute()) == 0:
		c.add(at, "none of route, redirect and directResponse is set")
	}
	if answer != "" {
		for _, f := range []struct {
			name string
			set  bool
		}{
			{"route", len(r.GetRoute()) > 0},
			{"fault", r.GetFault() != nil},
			{"rewrite", r.GetRewrite() != nil},
			{"directResponse", answer == "redirect" && r.GetDirectResponse() != nil},
		} {
			if f.set {
				c.add(at, "%s and %s can't be combined", answer, f.name)
			}
		}
	}
	if r.GetMirror() != nil && len(r.GetMirrors()) > 0 {
		c.add(at, "mirror and mirrors can't be combined")
	}
}
