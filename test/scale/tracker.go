package scale

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const (
	virtualService  = "VirtualService"
	destinationRule = "DestinationRule"
)

var resources = map[string]schema.GroupVersionResource{
	virtualService:  {Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"},
	destinationRule: {Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"},
}

// Tracker watches as the operator does, and knows the wanted and the observed state at
// each moment.
type Tracker struct {
	waits plan.Options

	mu   sync.Mutex
	apps map[appKey]*app
	// live is set once all initial objects have been read.
	live bool
	// samples are times from changes to writes; errs are faults of the measurer.
	samples []sample
	errs    []error
}

// sample is the time from a change until it is in place.
type sample struct {
	what string
	took time.Duration
	// held is set if the operator had to wait, by design.
	held bool
}

// track starts to watch a loaded cluster; it ends with ctx.
func (c *Cluster) track(ctx context.Context, waits plan.Options) (*Tracker, error) {
	t := &Tracker{waits: waits, apps: map[appKey]*app{}}
	typed := informers.NewSharedInformerFactory(c.kube, 0)
	mesh := dynamicinformer.NewDynamicSharedInformerFactory(c.objects, 0)
	watched := []toolscache.SharedIndexInformer{
		typed.Core().V1().Services().Informer(), typed.Core().V1().Pods().Informer(),
		typed.Discovery().V1().EndpointSlices().Informer(), typed.Apps().V1().Deployments().Informer(),
	}
	for _, resource := range resources {
		watched = append(watched, mesh.ForResource(resource).Informer())
	}
	var synced []toolscache.InformerSynced
	for _, informer := range watched {
		handler, err := informer.AddEventHandler(t.handler())
		if err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
		synced = append(synced, handler.HasSynced)
	}
	typed.Start(ctx.Done())
	mesh.Start(ctx.Done())
	if !toolscache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil, ctx.Err()
	}
	return t, t.goLive()
}

// goLive compiles every Service; after that, each is compiled at every change.
func (t *Tracker) goLive() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = true
	now := time.Now()
	for _, a := range t.apps {
		t.wanted(a, now)
	}
	return errors.Join(t.errs...)
}

func (t *Tracker) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { t.note(object, false) },
		UpdateFunc: func(_, object any) { t.note(object, false) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			t.note(object, true)
		},
	}
}

// note records an event of an object.
func (t *Tracker) note(object any, gone bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if u, ok := object.(*unstructured.Unstructured); ok {
		if name, ours := strings.CutSuffix(u.GetName(), "-overrides"); ours {
			t.found(t.app(u.GetNamespace(), name), u, gone, now)
		}
		return
	}
	meta, ok := object.(metav1.Object)
	if !ok || !strings.HasPrefix(meta.GetNamespace(), "team-") {
		return
	}
	name := meta.GetLabels()["app"]
	switch object.(type) {
	case *corev1.Service:
		name = meta.GetName()
	case *discoveryv1.EndpointSlice:
		name = meta.GetLabels()[discoveryv1.LabelServiceName]
	}
	a := t.app(meta.GetNamespace(), name)
	a.put(meta, gone)
	if t.live {
		t.wanted(a, now)
	}
}

func (t *Tracker) app(namespace, name string) *app {
	k := appKey{namespace, name}
	if t.apps[k] == nil {
		t.apps[k] = newApp(k)
	}
	return t.apps[k]
}

// wanted determines the currently wanted state of a Service.
func (t *Tracker) wanted(a *app, now time.Time) {
	next, err := a.compile()
	if err != nil {
		t.errs = append(t.errs, err)
		return
	}
	for kind := range resources {
		if next.content[kind] != a.want.content[kind] {
			a.history[kind] = append(a.history[kind], moment{at: now, content: next.content[kind]})
		}
	}
	for name := range next.rows {
		if !a.want.rows[name] {
			a.gained(name, now)
			t.await(a, mark{rowMark, name}, true, now)
		}
	}
	for name := range a.want.rows {
		if !next.rows[name] {
			a.lost(name, now, t.waits.FlapReset)
			t.await(a, mark{rowMark, name}, false, now)
		}
	}
	for name := range next.subsets {
		if !a.want.subsets[name] {
			t.await(a, mark{subsetMark, name}, true, now)
		}
	}
	if next.pin != a.want.pin {
		a.pinned = now
	}
	a.want = next
}

func (a *app) gained(row string, now time.Time) {
	if a.losses[row] == nil {
		a.losses[row] = &loss{}
	}
	a.losses[row].found = now
}

func (a *app) lost(row string, now time.Time, forgive time.Duration) {
	l := a.losses[row]
	if now.Sub(l.found) >= forgive {
		l.times = 0
	}
	l.times++
}

// await records that a mark should appear, or disappear.
func (t *Tracker) await(a *app, m mark, come bool, now time.Time) {
	if _, waiting := a.pending[m]; waiting {
		delete(a.pending, m) // it is back to what it was, and was never otherwise
		return
	}
	if a.have.has(m) != come {
		a.pending[m] = now
	}
}

func (s *state) has(m mark) bool {
	if m.kind == rowMark {
		return s.rows[m.name]
	}
	return s.subsets[m.name]
}

// found records an event of an operator's object.
func (t *Tracker) found(a *app, u *unstructured.Unstructured, gone bool, now time.Time) {
	kind, content := u.GetKind(), ""
	var says *discover.Written
	if !gone {
		seen, err := apply.Read(u)
		if err != nil {
			t.errs = append(t.errs, err)
			return
		}
		content = string(seen.Managed)
		says = seen.Says
	}
	if t.live {
		a.history[kind] = append(a.history[kind], moment{at: now, written: true, content: content})
	}
	a.have.content[kind] = content
	if gone {
		delete(a.have.content, kind)
	}
	if delete(a.have.says, kind); says != nil {
		a.have.says[kind] = says
	}
	if kind == virtualService {
		a.have.rows = names(u, gone, "override.", "spec", "http")
	} else {
		subsets := names(u, gone, "", "spec", "subsets")
		for name := range subsets {
			if !a.have.subsets[name] {
				a.subsetSince[name] = now
			}
		}
		a.have.subsets = subsets
	}
	if t.live { // what it says of the Service may decide what is wanted
		t.wanted(a, now)
	}
	t.settle(a, now)
}

// names lists the names of a list's items, with a prefix.
func names(u *unstructured.Unstructured, gone bool, prefix string, path ...string) map[string]bool {
	out := map[string]bool{}
	if gone {
		return out
	}
	items, _, _ := unstructured.NestedSlice(u.Object, path...)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		if name, _ := fields["name"].(string); strings.HasPrefix(name, prefix) {
			out[name] = true
		}
	}
	return out
}

// settle records how long the marks now in place were pending.
func (t *Tracker) settle(a *app, now time.Time) {
	for m, since := range a.pending {
		come := a.want.has(m)
		if a.have.has(m) != come {
			continue
		}
		delete(a.pending, m)
		s := sample{took: now.Sub(since), what: subsetPlaced}
		if m.kind == rowMark && come {
			s.what, s.held = routePlaced, t.held(a, m.name, since, now)
		} else if m.kind == rowMark {
			s.what = routeRemoved
		}
		t.samples = append(t.samples, s)
	}
}

// held reports whether a route may have had to wait: its version was lost repeatedly, or
// its subset or the pin was new.
func (t *Tracker) held(a *app, row string, since, now time.Time) bool {
	const slack = 300 * time.Millisecond
	young := func(at time.Time) bool { return at.After(since.Add(-t.waits.PropagationDelay-slack)) && at.Before(now) }
	if a.losses[row].times >= 2 || young(a.pinned) {
		return true
	}
	for _, at := range a.subsetSince {
		if young(at) {
			return true
		}
	}
	return false
}
