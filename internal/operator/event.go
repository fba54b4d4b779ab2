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

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/event"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
)

// ReportingController is what Events name as the one that reports them.
const ReportingController = "overrides"

// announcer writes the Events that package event decides on, and logs warnings.
type eventReporter struct {
	recorder events.EventRecorder
	metrics  *metrics
	log      *slog.Logger

	// rows has the row of each version that was announced.
	rowRefs map[route.Version]*corev1.ObjectReference
	// count counts Events that are about no row.
	count int
}

func newEventReporter(recorder events.EventRecorder, m *metrics, log *slog.Logger) *eventReporter {
	return &eventReporter{recorder: recorder, metrics: m, log: log, rowRefs: map[route.Version]*corev1.ObjectReference{}}
}

// tell tells what has changed of an island since what memory has of it.
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
			related = a.about(e)
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

// row refers to the row of a version that was announced, by this operator or by the one
// before.
func (a *eventReporter) row(v route.Version) *corev1.ObjectReference {
	if known := a.rowRefs[v]; known != nil {
		return known
	}
	return rowOf(v)
}

// rowOf refers to the row of a version of which no more is known. It names the version,
// since Events that differ in nothing but their note are taken for one.
func rowOf(v route.Version) *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: istioGroup + "/v1", Kind: "VirtualService", Namespace: v.Namespace,
		FieldPath: fmt.Sprintf("spec.http{%s.%s.%s}", route.Override, v.Service, v.Version),
	}
}

// about refers to the object that an Event is about. Events that differ in nothing but
// their note and time are taken for one, of which nobody hears again for minutes; so each
// has a count of its own.
func (a *eventReporter) about(e *event.Event) *corev1.ObjectReference {
	a.count++
	out := &corev1.ObjectReference{
		Kind: e.About.Kind, Namespace: e.About.Namespace, Name: e.About.Name, FieldPath: fmt.Sprintf("%s[%d]", e.Reason, a.count),
	}
	switch out.Kind {
	case "VirtualService", "DestinationRule":
		out.APIVersion = istioGroup + "/v1"
	case "Service":
		out.APIVersion = "v1"
	}
	return out
}

// eventInput is what Events follow from.
func (p *islandState) eventInput(memory event.Memory) event.Input {
	in := event.Input{
		Now: time.Now(), Snapshot: p.snapshot, Result: &p.result, Planned: &p.planned, Observed: p.observed(),
		Written: map[diag.Object]time.Time{}, Left: map[string]bool{}, Diagnostics: p.diags, Memory: memory,
	}
	if memory.Starts() {
		// Nothing was written yet since they were read.
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

// settle has diagnostics that have not lasted for as long as they must be no warnings.
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

// rows finds the rows for versions among the tables of a picture.
type rowIndex struct {
	*islandState
	// at has the places of table and row; nil until one is asked for.
	positions map[route.Version][2]int
}

// row refers to the row for a version, in the object as it is now. Events that differ
// in nothing but their note and time are taken for one, of which nobody hears
// again for minutes; but a version may come, go and come again in seconds, each
// time by another write of the object.
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

// index notes the first row of each version, of objects that are there.
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

// owner names the Service that an object is about: itself, or the one that an
// object of ours was made for.
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
	// One that nobody wants any more is named after what it was for.
	return strings.TrimSuffix(object.Name, compile.ObjectSuffix)
}

// short cuts a note to what an Event takes (1 KiB), between characters.
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
