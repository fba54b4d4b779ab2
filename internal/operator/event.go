package operator

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/event"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
)

// ReportingController is the reporting controller of Events.
const ReportingController = "overrides"

// eventReporter writes the Events that package event returns, and logs warnings.
type eventReporter struct {
	recorder events.EventRecorder
	metrics  *metrics
	log      *slog.Logger

	// rowRefs refers to the row of each announced version.
	rowRefs map[route.Version]*corev1.ObjectReference
}

func newEventReporter(recorder events.EventRecorder, m *metrics, log *slog.Logger) *eventReporter {
	return &eventReporter{recorder: recorder, metrics: m, log: log, rowRefs: map[route.Version]*corev1.ObjectReference{}}
}

// report reports what has changed in an island since the Events in memory.
func (a *eventReporter) report(p *islandState, memory event.Memory) event.Output {
	out := event.Tell(p.eventInput(memory))
	for _, d := range out.Begun {
		a.log.Warn("diagnostic", "code", string(d.Code), "object", d.Object.String(), "message", d.Message)
	}
	for _, d := range out.Ended {
		a.log.Info("diagnostic no longer", "code", string(d.Code), "object", d.Object.String(), "message", d.Message)
	}
	p.demotePending(out.Pending)
	index := rowIndex{islandState: p}
	for i := range out.Events {
		e := &out.Events[i]
		kind, related := corev1.EventTypeNormal, runtime.Object(nil)
		switch e.Reason {
		case event.VersionOverridable:
			a.rowRefs[e.Version] = index.row(e.Version)
			related = a.rowRefs[e.Version]
		case event.VersionNotOverridable:
			related = a.row(e.Version)
			delete(a.rowRefs, e.Version)
		default:
			related = about(e)
		}
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		if s := p.services[[2]string{e.Namespace, e.Service}]; s != nil {
			a.recorder.Eventf(s, related, kind, e.Reason, "Route", "%s", truncateNote(e.Note))
			if e.Version != (route.Version{}) {
				a.metrics.announced.WithLabelValues(e.Reason).Inc()
			}
		}
	}
	return out
}

// row refers to the row of a version that was announced by this operator or by an earlier
// one.
func (a *eventReporter) row(v route.Version) *corev1.ObjectReference {
	if known := a.rowRefs[v]; known != nil {
		return known
	}
	return rowOf(v)
}

// rowOf refers to the row of a version whose object is unknown.
func rowOf(v route.Version) *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: istioGroup + "/v1", Kind: "VirtualService", Namespace: v.Namespace,
		FieldPath: fmt.Sprintf("spec.http{%s.%s.%s}", route.Override, v.Service, v.Version),
	}
}

// about refers to the object that an Event is about.
func about(e *event.Event) *corev1.ObjectReference {
	out := &corev1.ObjectReference{Kind: e.About.Kind, Namespace: e.About.Namespace, Name: e.About.Name}
	switch out.Kind {
	case "VirtualService", "DestinationRule":
		out.APIVersion = istioGroup + "/v1"
	case istio.HTTPRouteKind:
		out.APIVersion = apply.Resources[out.Kind].GroupVersion().String()
	case "Service":
		out.APIVersion = "v1"
	}
	return out
}

// eventInput returns the input for Events.
func (p *islandState) eventInput(memory event.Memory) event.Input {
	in := event.Input{
		Now: time.Now(), Snapshot: p.snapshot, Result: &p.result, Planned: &p.planned, Observed: p.observed(),
		Written: map[diag.Object]time.Time{}, Left: map[string]bool{}, Diagnostics: p.diags, Memory: memory,
	}
	if memory.Starts() {
		// This cycle has not written anything yet.
		in.Before = in.Observed
	}
	for i := range in.Observed {
		name := in.Observed[i].Object
		if memory.Starts() {
			in.Written[name] = p.seen[name].Written
		}
		if p.cleansUp(name.Namespace) {
			in.Left[name.Namespace] = true
		}
	}
	return in
}

// demotePending makes the warnings that have not lasted long enough informational.
func (p *islandState) demotePending(young []diag.Diagnostic) {
	is := make(map[diag.Diagnostic]bool, len(young))
	for _, d := range young {
		is[d] = true
	}
	for i := range p.diags {
		if is[p.diags[i]] {
			p.diags[i].Severity = diag.Info
		}
	}
}

// rowIndex finds the rows of versions in the tables of an island.
type rowIndex struct {
	*islandState
	// positions has the index of the table and of the row; it is nil until the first use.
	positions map[route.Version][2]int
}

// row refers to the row of a version in the current object.
func (r *rowIndex) row(v route.Version) *corev1.ObjectReference {
	if r.positions == nil {
		r.index()
	}
	out := rowOf(v)
	if at, there := r.positions[v]; there {
		t := &r.result.Tables[at[0]]
		seen := r.seen[istio.TableObject(t)]
		out.Namespace, out.Name, out.UID, out.ResourceVersion = t.Namespace, t.Name, seen.UID, seen.ResourceVersion
		out.FieldPath = "spec.http{" + t.Routes[at[1]].Name + "}"
	}
	return out
}

// index finds the first row of each version in objects that exist.
func (r *rowIndex) index() {
	r.positions = map[route.Version][2]int{}
	for i := range r.result.Tables {
		t := &r.result.Tables[i]
		if r.seen[istio.TableObject(t)] == nil {
			continue
		}
		for j := range t.Routes {
			if _, known := r.positions[t.Routes[j].Version]; !known && t.Routes[j].Kind == route.Override {
				r.positions[t.Routes[j].Version] = [2]int{i, j}
			}
		}
	}
}

// owner names the Service that an object is about: the object itself, or the Service that an
// object of Overrides was generated for.
func (p *islandState) owner(object diag.Object) string {
	if object.Kind == "Service" {
		return object.Name
	}
	if p.owners == nil {
		p.owners = p.result.Owners()
	}
	if name, wanted := p.owners[object]; wanted {
		return name
	}
	// An object that is no longer wanted is named after its Service.
	return strings.TrimSuffix(object.Name, compile.ObjectSuffix)
}

// truncateNote shortens a note to the size limit of an Event (1 KiB), between characters.
func truncateNote(note string) string {
	const most = 1000
	if len(note) <= most {
		return note
	}
	end := most
	for end > 0 && !utf8.RuneStart(note[end]) {
		end--
	}
	return note[:end] + "…"
}
