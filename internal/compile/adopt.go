package compile

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// userRoute is one HTTP route as the user wrote it, or the one that a Service
// has by itself.
type userRoute struct {
	// index is its place in the user's VirtualService.
	index   int
	name    string
	matches []route.Match
	// base is a copy of the user's, with hosts resolved; nil for a Service's own.
	base         *istioapi.HTTPRoute
	destinations []route.Destination
	// of is the user's VirtualService that has it; nil for a Service's own.
	of *model.VirtualService
	// delegated is the user's route that delegates to it; nil for others.
	delegated *mesh.Delegated
	// pinned is set if a destination was replaced by a pin.
	pinned bool
}

// routesRead are the routes of a user's VirtualService.
type routesRead struct {
	routes []userRoute
	// problem says what action of a route a VirtualService can't have; empty for none.
	problem string
}

// adoptRoutes returns the routes that sidecars take from the source of in, unless a reason
// to skip it applies.
func adoptRoutes(in *skipInput, all *services, r *reporter) ([]userRoute, *skip) {
	if k := firstReason(adopting, in, r); k != nil {
		return nil, k
	}
	reportDropped(in.source, r)
	in.read = readRoutes(in.ix, all, in.source)
	if k := firstReason(adopted, in, r); k != nil {
		return nil, k
	}
	return in.read.routes, nil
}

func readRoutes(ix *index, all *services, source *mesh.Source) *routesRead {
	var out []userRoute
	for i := range source.Routes {
		r := &source.Routes[i]
		if n := len(out); n > 0 && out[n-1].index == r.Index {
			out[n-1].matches = append(out[n-1].matches, *r.Match)
			continue
		}
		// The pin changes the copy.
		u := userRoute{index: r.Index, name: r.HTTP.GetName(), base: proto.CloneOf(r.HTTP), of: source.User, delegated: r.Delegated}
		if r.Delegated != nil {
			u.of = r.Delegated.To
		}
		if why := normalizeAction(u.base); why != "" {
			return &routesRead{problem: fmt.Sprintf("%s (route %d)", why, r.Index+1)}
		}
		if len(r.HTTP.GetMatch()) > 0 {
			u.matches = []route.Match{*r.Match}
		}
		if len(u.base.GetRoute()) > 0 {
			u.destinations = concrete(ix, all, r.Destinations)
		}
		out = append(out, u)
	}
	return &routesRead{routes: upToCatchAll(out)}
}

// cannotAdopt returns why the VirtualService can't be adopted; empty for an empty text.
func (in *skipInput) cannotAdopt(why string) string {
	if why == "" {
		return ""
	}
	return in.source.User.Object().String() + " " + why
}

// delegates finds a problem of what the VirtualService delegates to.
func delegates(code diag.Code) func(*skipInput) string {
	return func(in *skipInput) string {
		if found, why := delegateProblem(in); found == code {
			return in.cannotAdopt(why)
		}
		return ""
	}
}

// delegateProblem says why the routes of the first delegate with a problem can't be
// adopted.
func delegateProblem(in *skipInput) (diag.Code, string) {
	for _, h := range in.source.User.Spec.GetHttp() {
		if h.GetDelegate() == nil {
			continue
		}
		name := mesh.DelegateName(in.source.User, h.GetDelegate())
		d := in.ix.mesh.Delegate(name)
		switch {
		case d == nil:
			return diag.DelegateNotFound, fmt.Sprintf("delegates to VirtualService %s/%s, which does not exist", name[0], name[1])
		case len(d.Unknown) > 0:
			return diag.VirtualServiceUnknownField, fmt.Sprintf("delegates to %s, which has unknown fields: %s", d.Object(), enumerate(d.Unknown))
		}
		if why := in.ix.invalidVirtualService(d); why != "" {
			return diag.VirtualServiceInvalid, fmt.Sprintf("delegates to %s, which Istio refuses: %s", d.Object(), why)
		}
	}
	return "", ""
}

func hasUnknownFields(in *skipInput) string {
	if unknown := in.source.User.Unknown; len(unknown) > 0 {
		return in.cannotAdopt("has unknown fields: " + enumerate(unknown))
	}
	return ""
}

func hasOtherRoutes(in *skipInput) string {
	if in.source.Gateways != nil {
		return "" // which are for listeners that carry no HTTP
	}
	if spec := in.source.User.Spec; len(spec.GetTcp()) > 0 || len(spec.GetTls()) > 0 {
		return in.cannotAdopt("has TCP or TLS routes")
	}
	return ""
}

func isInvalid(in *skipInput) string {
	if why := in.ix.invalidVirtualService(in.source.User); why != "" {
		return fmt.Sprintf("Istio refuses %s: %s", in.source.User.Object(), why)
	}
	return ""
}

func hasNoRoutes(in *skipInput) string {
	if len(in.source.User.Spec.GetHttp()) == 0 {
		return in.cannotAdopt("has no routes")
	}
	return ""
}

func hasInvalidMatch(in *skipInput) string {
	if bad, ok := errors.AsType[*mesh.MatchError](in.source.Problem); ok {
		return in.cannotAdopt(fmt.Sprintf("has a match that Istio refuses (http[%d]): %v", bad.Route, bad.Err))
	}
	return ""
}

func hasInvalidAction(in *skipInput) string { return in.cannotAdopt(in.read.problem) }

func usesCarrier(in *skipInput) string {
	header := in.ix.options.Header
	if slices.ContainsFunc(in.read.routes, func(r userRoute) bool { return usesHeader(r.matches, header) }) {
		return in.cannotAdopt("matches header " + header + " itself")
	}
	return ""
}

// upToCatchAll leaves out the routes behind one that matches every request of every caller:
// Istio looks no further.
func upToCatchAll(routes []userRoute) []userRoute {
	at := slices.IndexFunc(routes, func(r userRoute) bool { return r.catchesAll() })
	if at < 0 {
		return routes
	}
	return routes[:at+1]
}

// catchesAll reports whether r matches every request of every caller.
func (r *userRoute) catchesAll() bool {
	return len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(m route.Match) bool {
		return m.Port == 0 && m.SourceNamespace == "" && len(m.SourceLabels) == 0 && mesh.CatchesAll(&m)
	})
}

// concrete replaces ExternalName Services among destinations by the Services that they
// stand for: an alias can't have subsets.
func concrete(ix *index, all *services, in []route.Destination) []route.Destination {
	out := slices.Clone(in)
	for i := range out {
		if host := ix.mesh.Concrete(out[i].Host); all.byHost[host] != nil {
			out[i].Host = host
		}
	}
	return out
}

// reportDropped reports routes that Istio ignores because of their delegates.
func reportDropped(source *mesh.Source, r *reporter) {
	for _, d := range source.Dropped {
		if d.Conflict {
			r.add(diag.New(diag.DelegateRouteDropped, d.Found.Object(),
				"a match of route %q conflicts with %s, so Istio ignores the route", d.Route, d.Root.Object()).At(d.Found.Origin))
			continue
		}
		r.add(diag.New(diag.DelegateRouteDropped, d.Root.Object(), "Istio ignores a route, because its delegate %s/%s %s",
			d.Delegate[0], d.Delegate[1], d.Why).At(d.Root.Origin))
	}
}

// normalizeAction leaves h, which is a copy, with the one action that Istio would take:
// redirect, else directResponse, else route. A merged delegate may have several, which a
// VirtualService can't have. It returns why h can't be normalized; empty if it can.
func normalizeAction(h *istioapi.HTTPRoute) string {
	answers := h.GetRedirect() != nil || h.GetDirectResponse() != nil
	switch {
	case !answers && len(h.GetRoute()) == 0:
		return "has neither route, redirect nor directResponse"
	case answers && h.GetFault() != nil:
		return "has a fault together with redirect or directResponse"
	case h.GetMirror() != nil && len(h.GetMirrors()) > 0:
		return "has both mirror and mirrors"
	case answers:
		h.Route, h.Rewrite = nil, nil
		if h.GetRedirect() != nil {
			h.DirectResponse = nil
		}
	}
	for _, d := range h.GetRoute() {
		if d.GetDestination().GetHost() == "" {
			return "has a destination without host"
		}
	}
	return ""
}

func usesHeader(matches []route.Match, name string) bool {
	return slices.ContainsFunc(matches, func(m route.Match) bool { return m.Mentions(name) })
}
