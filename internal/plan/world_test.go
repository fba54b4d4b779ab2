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
	// bound is how late a proxy may receive what was written.
	bound = 5 * tick
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// times are the operator's delays in tests: as short as the bound allows.
func times() plan.Options {
	return plan.Options{PropagationDelay: bound, DrainDelay: bound, FlapBackoff: bound, FlapBackoffMax: 4 * bound, FlapReset: 12 * bound}
}

// workload is one Deployment behind the Service.
type workload struct {
	version string
	// ownSelector is set if its selector selects no other pods.
	ownSelector bool
	created     time.Time
	// pods and ready count the existing and the ready pods.
	pods, ready int
	// watched counts the ticks in which the operator ran while pods existed.
	watched int
	// gated is set if the pods have a readiness gate, open if that is open. Eager pods are
	// ready as soon as they may be.
	gated, open, eager bool
	// name is a label of the pods. If it is set, the selector has it and no version, so that
	// the version label may change.
	name string
	// kind is empty for a Deployment. own is a label that its selector does not have; preview
	// is set if its pods are labelled as previews.
	kind, own string
	preview   bool
	// former has the pods of the former template, with another version.
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
	// previews are isolated versions in other namespaces.
	isolated []model.Service
	// draw is the source of chance; nil in deterministic tests.
	draw *rapid.T

	now       time.Time
	workloads map[string]*workload
	settings  model.Settings
	// stored has the operator's stored objects.
	stored map[diag.Object]istio.Object
	// virtualService and destinationRule are the user's.
	virtualService *istioapi.VirtualService
	// delegate is the VirtualService that virtualService delegates to.
	delegate        *istioapi.VirtualService
	destinationRule *istioapi.DestinationRule
	// callers is a rule for the host in the namespace of other callers, selected a rule with
	// a workloadSelector in the Service's namespace: each hides all other rules from some
	// callers.
	callers, selected *istioapi.DestinationRule

	options plan.Options
	// gate is set if unreleased pods get a readiness gate.
	gate bool
	// istiodTells is set if the operator learns which clusters proxies have acknowledged.
	istiodTells bool
	acked       map[plan.Cluster]time.Time
	// routesAcked has the routes that they have acknowledged.
	routesAcked map[route.Version]time.Time
	memory      plan.Memory
	output      plan.Output
	result      compile.Result
	// down counts the ticks until the operator runs again.
	down    int
	crashed bool

	// ordered is set if proxies receive endpoints before the objects that were written
	// because of them, as from istiod; otherwise in any order.
	ordered bool

	log     log
	proxies []*proxy
	// checking is set once enough moments are recorded.
	checking bool
	// past has the last moments, the newest last.
	past []moment
	eligibility
}

// moment records what was true at a time.
type moment struct {
	at time.Time
	// released has the released versions; nil if ordinary requests may reach all. eligible
	// has the versions that they may reach; nil for all. mustServe has those that must serve.
	released, eligible, mustServe map[string]bool
	// previews has the versions whose pods are all labelled as previews, if it is known
	// which version is released: by name, or from the stored objects.
	previews map[string]bool
	// ready has the versions with a ready pod.
	ready map[string]bool
	// announced has the versions that all proxies route to, according to the operator.
	announced map[string]bool
	// disturbed is set if the user deleted or hid something that routes reference.
	disturbed bool
	// hidden is set if a rule in the namespace of other callers hides the operator's.
	hidden bool
	// delegates is set if the user's routes delegate; steered has the hosts that the delegate
	// leads to. A proxy may have an older delegate with the newest routes, and the reverse.
	delegates bool
	steered   map[string]bool
	// ran is set if the operator ran, crashed if it lost its memory.
	ran, crashed bool
}

func newWorld(proxies int) *world {
	w := &world{now: epoch, workloads: map[string]*workload{}, stored: map[diag.Object]istio.Object{}, options: times()}
	for i := range proxies {
		at := namespace
		if i%3 == 2 {
			at = elsewhere
		}
		w.proxies = append(w.proxies, &proxy{namespace: at, seen: map[diag.Object]int{}})
	}
	return w
}

// snapshot is the operator's input.
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
	s.Services = append([]model.Service{cart}, w.isolated...)
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

// remembered reads from the stored objects which pods were released.
func (w *world) remembered() *model.Remembered {
	for _, name := range slices.SortedFunc(maps.Keys(w.stored), diag.Object.Compare) {
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(w.stored[name].JSON, &object); err != nil {
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

// observed reads the operator's objects back from the store.
func (w *world) observed(t rapid.TB) []plan.Observed {
	var out []plan.Observed
	for _, o := range w.stored {
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

// plan makes one plan.
func (w *world) plan(t rapid.TB) plan.Output {
	snapshot := w.snapshot()
	w.result = compile.Compile(snapshot)
	out, err := plan.Plan(plan.Input{
		Snapshot: snapshot, Result: &w.result, Observed: w.observed(t),
		Memory: w.memory, Now: w.now, Acked: w.acked, RoutesAcked: w.routesAcked, Options: w.options, Gate: w.gate, Backend: istio.Backend{},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.memory, w.output = out.Memory, out
	return out
}

// operate runs the operator once, and reports whether all of its writes succeeded.
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
		delete(w.stored, object.Object)
		object.JSON = nil
	} else {
		w.stored[object.Object] = object
	}
	w.log.write(w.now, object)
}

// story describes the present state in one line.
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
	var blocked []string
	for _, h := range w.output.Blocked {
		blocked = append(blocked, fmt.Sprintf("%s %s", h.Kind, h.Reason))
	}
	fmt.Fprintf(&b, "remembered %v; ", w.remembered())
	fmt.Fprintf(&b, "released %v, eligible %v, must serve %v; ran %t; steps %v; blocked %v", m.released, m.eligible, m.mustServe, m.ran, w.output.Steps, blocked)
	return b.String()
}
