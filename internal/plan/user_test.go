package plan_test

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"
	typev1beta1 "istio.io/api/type/v1beta1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// userChanges changes the user's objects, or deletes one of the operator's. It reports
// whether something went that routes may reference.
func (w *world) userChanges(t *rapid.T) bool {
	switch rapid.IntRange(0, 9).Draw(t, "user") {
	case 0:
		w.virtualService = nil
		if rapid.Bool().Draw(t, "virtualService") {
			w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{
				Route:   []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: service}}},
				Timeout: durationpb.New(time.Duration(rapid.IntRange(1, 2).Draw(t, "timeout")) * time.Second),
			}}}
		}
		w.log.add(usersVirtualService, entry{at: w.now, virtualService: resolved(w.virtualService)})
		return false
	case 1, 2:
		before := w.destinationRule.GetSubsets()
		w.destinationRule = nil
		if versions := rapid.SampledFrom([][]string{nil, {"v1"}, {"v2"}, {"v1", "v2"}}).Draw(t, "subsets"); versions != nil {
			w.destinationRule = &istioapi.DestinationRule{Host: service}
			for _, v := range versions {
				w.destinationRule.Subsets = append(w.destinationRule.Subsets, &istioapi.Subset{Name: v, Labels: map[string]string{"version": v}})
			}
		}
		w.log.add(usersDestinationRule, entry{at: w.now, destinationRule: w.destinationRule})
		return slices.ContainsFunc(before, func(s *istioapi.Subset) bool {
			return !slices.ContainsFunc(w.destinationRule.GetSubsets(), func(n *istioapi.Subset) bool { return n.GetName() == s.GetName() })
		})
	case 3:
		return w.deleteStored(t)
	case 4:
		return w.hide(callersRule, &w.callers, &istioapi.DestinationRule{Host: host})
	case 5:
		return w.hide(selectedRule, &w.selected, &istioapi.DestinationRule{Host: service, WorkloadSelector: everyPod})
	case 8:
		// A controller changes its routes. If the operator's routes delegate to them, routes to
		// the whole Service are in force before they are pinned.
		to := rapid.SampledFrom([][]string{{primary}, {primary, canary}, {canary}, {host}}).Draw(t, "steered to")
		w.steer(to...)
		return w.steered()[host]
	case 9:
		w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{Delegate: &istioapi.Delegate{Name: usersDelegate.Name}}}}
		w.log.add(usersVirtualService, entry{at: w.now, virtualService: w.virtualService})
		return false
	case 6:
		w.settings.Managed = rapid.SampledFrom([]*bool{nil, new(bool)}).Draw(t, "managed")
		return false
	}
	// The name of one of the operator's subsets, for other pods.
	w.destinationRule = &istioapi.DestinationRule{Host: service, Subsets: []*istioapi.Subset{{
		Name:   rapid.SampledFrom([]string{"override-v1", "override-v2", "overrides-released"}).Draw(t, "subset"),
		Labels: map[string]string{"version": rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "of")},
	}}}
	w.log.add(usersDestinationRule, entry{at: w.now, destinationRule: w.destinationRule})
	return true
}

// primary and canary are Services of a progressive delivery controller.
const (
	primary = "cart-primary.shop.svc.cluster.local"
	canary  = "cart-canary.shop.svc.cluster.local"
)

// steer makes the delegate lead to some hosts, each with an equal share.
func (w *world) steer(hosts ...string) {
	route := &istioapi.HTTPRoute{}
	for _, h := range hosts {
		route.Route = append(route.Route, &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: h}, Weight: int32(100 / len(hosts))}) //nolint:gosec // a few
	}
	w.delegate = &istioapi.VirtualService{Http: []*istioapi.HTTPRoute{route}}
	w.log.add(usersDelegate, entry{at: w.now, virtualService: w.delegate})
}

// steered has the hosts that the user's routes lead to by delegation.
func (w *world) steered() map[string]bool {
	if slices.ContainsFunc(w.virtualService.GetHttp(), func(h *istioapi.HTTPRoute) bool { return h.GetDelegate() != nil }) {
		return w.delegated()
	}
	return nil
}

// delegated has the hosts that the delegate leads to.
func (w *world) delegated() map[string]bool {
	out := map[string]bool{}
	for _, h := range w.delegate.GetHttp() {
		for _, d := range h.GetRoute() {
			out[d.GetDestination().GetHost()] = true
		}
	}
	return out
}

// everyPod selects the callers of these proxies.
var everyPod = &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"app": "client"}}

// hide creates a rule that hides the operator's from some callers, or deletes it. It
// reports whether it created one: then the subsets that routes reference are hidden.
func (w *world) hide(object diag.Object, rule **istioapi.DestinationRule, with *istioapi.DestinationRule) bool {
	if *rule != nil {
		with = nil
	}
	*rule = with
	w.log.add(object, entry{at: w.now, destinationRule: with})
	return with != nil
}

// deleteStored deletes one of the operator's objects.
func (w *world) deleteStored(t *rapid.T) bool {
	if len(w.stored) == 0 {
		return false
	}
	names := slices.SortedFunc(maps.Keys(w.stored), diag.Object.Compare)
	name := rapid.SampledFrom(names).Draw(t, "deleted")
	delete(w.stored, name)
	w.log.write(w.now, istio.Object{Object: name})
	return true
}

// resolved returns v with the fully qualified host, as proxies see it.
func resolved(v *istioapi.VirtualService) *istioapi.VirtualService {
	if v == nil {
		return nil
	}
	v = v.DeepCopy()
	for _, h := range v.GetHttp() {
		for _, d := range h.GetRoute() {
			d.Destination.Host = host
		}
	}
	return v
}
