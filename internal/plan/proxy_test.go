package plan_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// log has everything that was ever written, by object.
type log struct {
	entries map[diag.Object][]entry
	// endpoints has the labels of the ready pods.
	endpoints []endpoints
}

type entry struct {
	at              time.Time
	virtualService  *istioapi.VirtualService
	destinationRule *istioapi.DestinationRule
}

type endpoints struct {
	at     time.Time
	labels []map[string]string
}

var (
	usersVirtualService      = diag.Object{Kind: "VirtualService", Namespace: namespace, Name: "users"}
	usersDelegate            = diag.Object{Kind: "VirtualService", Namespace: namespace, Name: "users-canary"}
	usersDestinationRule     = diag.Object{Kind: "DestinationRule", Namespace: namespace, Name: "users"}
	callersRule              = diag.Object{Kind: "DestinationRule", Namespace: elsewhere, Name: "callers"}
	selectedRule             = diag.Object{Kind: "DestinationRule", Namespace: namespace, Name: "selected"}
	overridesVirtualService  = diag.Object{Kind: "VirtualService", Namespace: namespace, Name: service + "-overrides"}
	overridesDestinationRule = diag.Object{Kind: "DestinationRule", Namespace: namespace, Name: service + "-overrides"}
)

func (l *log) add(object diag.Object, e entry) {
	if l.entries == nil {
		l.entries = map[diag.Object][]entry{}
	}
	l.entries[object] = append(l.entries[object], e)
}

// write logs an object of the operator's; one without JSON is deleted.
func (l *log) write(at time.Time, o istio.Object) {
	e := entry{at: at}
	if o.Kind == "VirtualService" && o.JSON != nil {
		var v istionetv1.VirtualService
		must(json.Unmarshal(o.JSON, &v))
		e.virtualService = &v.Spec
	} else if o.JSON != nil {
		var d istionetv1.DestinationRule
		must(json.Unmarshal(o.JSON, &d))
		e.destinationRule = &d.Spec
	}
	l.add(o.Object, e)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// proxy has each object in one of the states that it had during the bound.
type proxy struct {
	namespace string
	// seen counts the entries of each object that it has received.
	seen      map[diag.Object]int
	endpoints int
}

// deliver gives p some log entries, and all that have reached the bound.
func (p *proxy) deliver(w *world) {
	t, l, now := w.draw, &w.log, w.now
	for _, object := range []diag.Object{usersVirtualService, usersDelegate, usersDestinationRule, callersRule, selectedRule, overridesVirtualService, overridesDestinationRule} {
		entries := l.entries[object]
		for p.seen[object] < len(entries) {
			next := entries[p.seen[object]]
			if due := now.Sub(next.at) >= bound; !due && !rapid.Bool().Draw(t, "deliver") {
				break
			}
			p.seen[object]++
			if w.ordered {
				p.endpointsUntil(l, next.at)
			}
			if object == overridesVirtualService {
				p.delegatesUntil(l, next.at)
			}
		}
	}
	for p.endpoints < len(l.endpoints) {
		if due := now.Sub(l.endpoints[p.endpoints].at) >= bound; !due && !rapid.Bool().Draw(t, "deliver endpoints") {
			break
		}
		p.endpoints++
	}
}

// delegatesUntil gives p the controller's VirtualServices that were written before one of
// the operator's: istiod watches all VirtualServices together, in the order of the writes.
func (p *proxy) delegatesUntil(l *log, at time.Time) {
	for entries := l.entries[usersDelegate]; p.seen[usersDelegate] < len(entries) && !entries[p.seen[usersDelegate]].at.After(at); {
		p.seen[usersDelegate]++
	}
}

func (p *proxy) endpointsUntil(l *log, at time.Time) {
	for p.endpoints < len(l.endpoints) && !l.endpoints[p.endpoints].at.After(at) {
		p.endpoints++
	}
}

// view is what a proxy has at one moment.
type view struct {
	virtualService   *istioapi.VirtualService
	destinationRules []*istioapi.DestinationRule
	ready            []map[string]string
	// delegate is the VirtualService that routes delegate to.
	delegate *istioapi.VirtualService
}

func (p *proxy) view(l *log) view {
	var out view
	current := func(object diag.Object) entry {
		if n := p.seen[object]; n > 0 {
			return l.entries[object][n-1]
		}
		return entry{}
	}
	// The operator's is either older or scoped, so proxies prefer it.
	if out.virtualService = current(overridesVirtualService).virtualService; out.virtualService == nil || !exports(out.virtualService.GetExportTo(), p.namespace) {
		out.virtualService = current(usersVirtualService).virtualService
	}
	out.delegate = current(usersDelegate).virtualService
	// A rule in the callers' own namespace, or for selected callers, hides all others.
	own := map[string]diag.Object{elsewhere: callersRule, namespace: selectedRule}[p.namespace]
	if d := current(own).destinationRule; d != nil {
		out.destinationRules = []*istioapi.DestinationRule{d}
	} else {
		for _, object := range []diag.Object{usersDestinationRule, overridesDestinationRule} {
			if d := current(object).destinationRule; d != nil && exports(d.GetExportTo(), p.namespace) {
				out.destinationRules = append(out.destinationRules, d)
			}
		}
	}
	if p.endpoints > 0 {
		out.ready = l.endpoints[p.endpoints-1].labels
	}
	return out
}

// exports reports whether an object with an exportTo is visible in a namespace.
func exports(exportTo []string, to string) bool {
	return len(exportTo) == 0 || slices.Contains(exportTo, "*") || slices.Contains(exportTo, to)
}

// outcome has all possible outcomes of a request: one for each destination and each pod.
type outcome struct {
	// route is the name of the matching route.
	route string
	// noCluster and noEndpoint name a destination that would fail.
	noCluster, noEndpoint string
	// versions may serve it.
	versions []string
}

func (o outcome) String() string {
	return fmt.Sprintf("route %q, no cluster %q, no endpoint %q, served by %v", o.route, o.noCluster, o.noEndpoint, o.versions)
}

// send returns the outcome of a request with an override header; without one if it is empty.
func (v *view) send(header string) outcome {
	if v.virtualService == nil {
		return v.reach("", []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: host}}})
	}
	for _, h := range v.virtualService.GetHttp() {
		if len(h.GetMatch()) == 0 || slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool { return fits(m, header) }) {
			if h.GetDirectResponse() != nil {
				return outcome{route: h.GetName()}
			}
			if h.GetDelegate() != nil {
				return v.reach(h.GetName(), v.delegate.GetHttp()[0].GetRoute())
			}
			return v.reach(h.GetName(), h.GetRoute())
		}
	}
	return outcome{noCluster: "no route"}
}

// fits matches as Envoy does, as far as these tables need it.
func fits(m *istioapi.HTTPMatchRequest, header string) bool {
	for name, want := range m.GetHeaders() {
		if name != "x-override" || header == "" || !pattern(want.GetRegex()).MatchString(header) {
			return false
		}
	}
	for name := range m.GetWithoutHeaders() {
		if name == "x-override" && header != "" {
			return false
		}
	}
	return m.GetUri() == nil
}

// patterns caches compiled patterns.
var patterns sync.Map

func pattern(text string) *regexp.Regexp {
	if re, ok := patterns.Load(text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(`\A(?:` + text + `)\z`)
	patterns.Store(text, re)
	return re
}

func (v *view) reach(route string, destinations []*istioapi.HTTPRouteDestination) outcome {
	out := outcome{route: route}
	for _, d := range destinations {
		if to := d.GetDestination().GetHost(); to != host {
			out.versions = append(out.versions, to) // a Service of the user's, which serves
			continue
		}
		labels, ok := v.subset(d.GetDestination().GetSubset())
		if !ok {
			out.noCluster = d.GetDestination().GetSubset()
			continue
		}
		found := false
		for _, pod := range v.ready {
			if model.HasLabels(pod, labels) {
				found = true
				out.versions = append(out.versions, pod["version"])
			}
		}
		if !found {
			out.noEndpoint = "subset " + d.GetDestination().GetSubset()
		}
	}
	return out
}

func (v *view) subset(name string) (map[string]string, bool) {
	if name == "" {
		return nil, true
	}
	for _, d := range v.destinationRules {
		for _, s := range d.GetSubsets() {
			if s.GetName() == name {
				return s.GetLabels(), true
			}
		}
	}
	return nil, false
}

// acknowledge tells the operator as much as istiod could: the names of the clusters that
// every proxy has, but not their definitions, and the names of rows.
func (w *world) acknowledge() {
	if !w.istiodTells {
		return
	}
	w.acked = map[plan.Cluster]time.Time{}
	for _, c := range w.output.PendingClusters {
		lacking := func(p *proxy) bool {
			v := p.view(&w.log)
			_, ok := v.subset(c.Subset)
			return !ok
		}
		if c.FirstOfName && !slices.ContainsFunc(w.proxies, lacking) {
			w.acked[c.Cluster] = c.Since
		}
	}
	w.acknowledgeRoutes()
}

// acknowledgeRoutes tells the operator which rows all proxies in their namespaces have.
func (w *world) acknowledgeRoutes() {
	w.routesAcked = map[route.Version]time.Time{}
	lacking := map[route.Version]bool{}
	for _, r := range w.output.PendingRows {
		w.routesAcked[r.Version] = r.Since
		for _, p := range w.proxies {
			v := p.view(&w.log)
			has := slices.ContainsFunc(v.virtualService.GetHttp(), func(h *istioapi.HTTPRoute) bool { return h.GetName() == r.Name })
			sees := len(r.Namespaces) == 0 || slices.Contains(r.Namespaces, p.namespace)
			lacking[r.Version] = lacking[r.Version] || sees && !has
		}
	}
	for v := range lacking {
		if lacking[v] {
			delete(w.routesAcked, v)
		}
	}
}

// describe prints a view, to debug a failure.
func (v *view) describe() string {
	var b strings.Builder
	for _, h := range v.virtualService.GetHttp() {
		fmt.Fprintf(&b, "  %s:", h.GetName())
		for _, d := range h.GetRoute() {
			fmt.Fprintf(&b, " %s×%d", d.GetDestination().GetSubset(), d.GetWeight())
		}
		b.WriteString("\n")
	}
	for _, d := range v.destinationRules {
		for _, s := range d.GetSubsets() {
			fmt.Fprintf(&b, "  subset %s %v\n", s.GetName(), s.GetLabels())
		}
	}
	fmt.Fprintf(&b, "  ready %v\n", v.ready)
	return b.String()
}
