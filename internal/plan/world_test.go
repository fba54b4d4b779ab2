package plan_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	namespace = "shop"
	elsewhere = "front"
	service   = "cart"
	host      = "cart.shop.svc.cluster.local"
	tick      = 100 * time.Millisecond
	// bound is how late a proxy may have what was written.
	bound = 5 * tick
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// times are those of the operator in tests: as short as the bound allows.
func times() plan.Options {
	return plan.Options{PropagationDelay: bound, DrainDelay: bound, FlapBackoff: bound, FlapBackoffMax: 4 * bound, FlapReset: 12 * bound}
}

// workload is one Deployment behind the Service.
type workload struct {
	version string
	// ownSelector is set where its selector tells it from all others.
	ownSelector bool
	created     time.Time
	// pods and ready are those that are there.
	pods, ready int
	// watched counts the ticks in which the operator ran while pods were there.
	watched int
	// gated is set where the pods have a readiness gate, open where it is. eager ones
	// are ready as soon as they may be.
	gated, open, eager bool
	// name is set where the pods carry it as a label, and the selector has no version:
	// that of a workload of its own selector whose version label may change.
	name string
	// kind is empty for a Deployment. own is a label of its own, which its selector does
	// not have; preview is set where its pods are labelled as such.
	kind, own string
	preview   bool
	// former are the pods of the template before, of another version.
	former *workload
}

func (w *workload) labels() map[string]string {
	out := map[string]string{"app": service, "version": w.version}
	if w.name != "" {
		out["name"] = w.name
	}
	if w.own != "" {
		out["own"] = w.own
	}
	if w.preview {
		out[compile.PreviewLabel] = "true"
	}
	return out
}

func (w *workload) selector() map[string]string {
	switch {
	case w.name != "":
		return map[string]string{"app": service, "name": w.name}
	case w.ownSelector:
		return w.labels()
	}
	return map[string]string{"app": service}
}

// world is a cluster with an operator and proxies.
type world struct {
	// draw is where chance comes from; nil where nothing is left to it.
	draw *rapid.T

	now       time.Time
	workloads map[string]*workload
	settings  model.Settings
	// ours are the objects that the operator wrote, as they are stored.
	ours map[diag.Object]istio.Object
	// users are those of the user.
	virtualService *istioapi.VirtualService
	// delegate is what virtualService delegates to.
	delegate        *istioapi.VirtualService
	destinationRule *istioapi.DestinationRule
	// callers is one for the host in the namespace of callers elsewhere, selected one for
	// selected callers at home: each hides all others from some.
	callers, selected *istioapi.DestinationRule

	options plan.Options
	// gate is set where pods that are not released get a readiness gate.
	gate bool
	// told is set where the operator is told what proxies have: settled.
	told    bool
	settled map[plan.Cluster]time.Time
	// routesSettled are the routes that they are known to have.
	routesSettled map[route.Version]time.Time
	memory        plan.Memory
	output        plan.Output
	result        compile.Result
	// down counts the ticks for which the operator does not run.
	down    int
	crashed bool

	// ordered is set where proxies know of pods before they know of what was
	// written because of them, as istiod sees to; else of each at any time.
	ordered bool

	log     log
	proxies []*proxy
	// checking is set once there is enough of a past.
	checking bool
	// past are the last moments, the newest last.
	past []moment
	entitlement
}

// moment is what was true at a time.
type moment struct {
	at time.Time
	// released are the versions that are, nil where ordinary requests may reach all; due
	// are those that they may reach, nil for all, and must those that are to serve them.
	released, due, must map[string]bool
	// previews are the versions of which all pods are labelled as such, where it is known
	// what is released: by name, or by what our objects say.
	previews map[string]bool
	// ready are the versions with a ready pod.
	ready map[string]bool
	// announced are the versions that the operator says all proxies route to.
	announced map[string]bool
	// disturbed is set where the user took away what routes named, or hid it.
	disturbed bool
	// hidden is set where a rule of the callers' in other namespaces hides ours.
	hidden bool
	// delegates is set where the user's routes delegate, steered are the hosts that what they
	// delegate to leads to: a proxy may have one of these as it was before, and the other
	// as it is now.
	delegates bool
	steered   map[string]bool
	// ran is set where the operator ran, and crashed where it lost its memory.
	ran, crashed bool
}

func newWorld(proxies int) *world {
	w := &world{now: epoch, workloads: map[string]*workload{}, ours: map[diag.Object]istio.Object{}, options: times()}
	for i := range proxies {
		at := namespace
		if i%3 == 2 {
			at = elsewhere
		}
		w.proxies = append(w.proxies, &proxy{namespace: at, seen: map[diag.Object]int{}})
	}
	return w
}

// snapshot is what the operator sees.
func (w *world) snapshot() *model.Snapshot {
	s := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{elsewhere, namespace}}
	cart := model.Service{
		Namespace: namespace, Name: service, Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
		Selector: map[string]string{"app": service}, Settings: w.settings,
	}
	cart.Remembered = w.remembered()
	for _, name := range slices.Sorted(maps.Keys(w.workloads)) {
		x := w.workloads[name]
		for g := x; g != nil; g = g.former {
			b := model.Backend{
				Workload: model.Workload{Kind: cmp.Or(x.kind, "Deployment"), Name: name}, Created: x.created,
				Labels: g.labels(), Selector: x.selector(), Pods: g.pods, Ready: g.ready,
			}
			if g == x {
				b.Wanted = g.pods
			}
			cart.Backends = append(cart.Backends, b)
		}
	}
	s.Services = []model.Service{cart}
	if w.virtualService != nil {
		s.VirtualServices = []model.VirtualService{{Namespace: namespace, Name: "users", Created: epoch, Spec: w.virtualService}}
	}
	if w.delegate != nil {
		s.VirtualServices = append(s.VirtualServices, model.VirtualService{Namespace: namespace, Name: "users-canary", Created: epoch, Spec: w.delegate})
	}
	if w.destinationRule != nil {
		s.DestinationRules = []model.DestinationRule{{Namespace: namespace, Name: "users", Created: epoch, Spec: w.destinationRule}}
	}
	if w.callers != nil {
		s.DestinationRules = append(s.DestinationRules, model.DestinationRule{Namespace: elsewhere, Name: callersRule.Name, Created: epoch, Spec: w.callers})
	}
	if w.selected != nil {
		s.DestinationRules = append(s.DestinationRules, model.DestinationRule{Namespace: namespace, Name: selectedRule.Name, Created: epoch, Spec: w.selected})
	}
	return s
}

// remembered is what our objects say was released.
func (w *world) remembered() *model.Remembered {
	for _, name := range slices.SortedFunc(maps.Keys(w.ours), diag.Object.Compare) {
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(w.ours[name].JSON, &object); err != nil {
			panic(err)
		}
		if text := object.Annotations[istio.ReleasedAnnotation]; text != "" {
			out, err := model.ParseRemembered(text)
			if err != nil {
				panic(err)
			}
			return &out
		}
	}
	return nil
}

// observed are our objects, read back from what is stored.
func (w *world) observed(t rapid.TB) []plan.Observed {
	var out []plan.Observed
	for _, o := range w.ours {
		out = append(out, observe(t, o))
	}
	return out
}

func observe(t rapid.TB, o istio.Object) plan.Observed {
	out := plan.Observed{Object: o.Object}
	var err error
	var canonical istio.Object
	if o.Kind == "VirtualService" {
		var v istionetv1.VirtualService
		if err = json.Unmarshal(o.JSON, &v); err == nil {
			out.Routes = istio.ReadRoutes(&v.Spec)
			canonical, err = istio.Canonical(&v.ObjectMeta, o.Kind, &v.Spec)
		}
	} else {
		var d istionetv1.DestinationRule
		if err = json.Unmarshal(o.JSON, &d); err == nil {
			out.Subsets = istio.ReadSubsets(&d.Spec)
			canonical, err = istio.Canonical(&d.ObjectMeta, o.Kind, &d.Spec)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	out.Managed = canonical.JSON
	return out
}

// plan runs the operator's core once.
func (w *world) plan(t rapid.TB) plan.Output {
	snapshot := w.snapshot()
	w.result = compile.Compile(snapshot)
	out, err := plan.Plan(plan.Input{
		Snapshot: snapshot, Result: &w.result, Observed: w.observed(t),
		Memory: w.memory, Now: w.now, Acked: w.settled, RoutesAcked: w.routesSettled, Options: w.options, Gate: w.gate, Backend: istio.Backend{},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.memory, w.output = out.Memory, out
	return out
}

// operate runs the operator, and reports whether all of its writes succeeded.
func (w *world) operate(t rapid.TB, mayFail bool) bool {
	done := true
	t.Helper()
	for _, step := range w.plan(t).Steps {
		if mayFail && rapid.IntRange(0, 9).Draw(w.draw, "write fails") == 0 {
			done = false
			continue
		}
		w.apply(step)
	}
	return done
}

func (w *world) apply(step plan.Step) {
	object := step.Object
	if step.Action == plan.Delete {
		delete(w.ours, object.Object)
		object.JSON = nil
	} else {
		w.ours[object.Object] = object
	}
	w.log.write(w.now, object)
}

// story tells in a line what is so.
func (w *world) story() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.workloads)) {
		x := w.workloads[name]
		fmt.Fprintf(&b, "%s:%s %d/%d", name, x.version, x.ready, x.pods)
		if x.former != nil {
			fmt.Fprintf(&b, " after %s %d/%d", x.former.version, x.former.ready, x.former.pods)
		}
		if x.preview || x.own != "" {
			fmt.Fprintf(&b, " preview %t own %q", x.preview, x.own)
		}
		if x.gated {
			fmt.Fprintf(&b, " gate open %t", x.open)
		}
		b.WriteString("; ")
	}
	m := w.past[len(w.past)-1]
	var held []string
	for _, h := range w.output.Blocked {
		held = append(held, fmt.Sprintf("%s %s", h.Kind, h.Reason))
	}
	fmt.Fprintf(&b, "remembered %v; ", w.remembered())
	fmt.Fprintf(&b, "released %v, due %v, must %v; ran %t; steps %v; held %v", m.released, m.due, m.must, m.ran, w.output.Steps, held)
	return b.String()
}
