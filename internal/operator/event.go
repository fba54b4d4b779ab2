package operator

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Reasons of Events on Services, beside the codes of diagnostics.
const (
	// VersionOverridable says that requests may ask for a version.
	VersionOverridable = "VersionOverridable"
	// VersionNotOverridable says that they get the released one again.
	VersionNotOverridable = "VersionNotOverridable"
)

// announcer writes Events on Services: when something begins to be so, once.
type announcer struct {
	recorder events.EventRecorder
	metrics  *metrics
	log      *slog.Logger

	// told is set after the first pass: versions whose routes were there long before
	// the operator started were announced by the one before.
	told bool
	// said has the row of each version that was announced.
	said map[route.Version]*corev1.ObjectReference
	// diags are those of the pass before.
	diags map[diag.Diagnostic]bool
	// repeated is when each refusal that lasts was said last.
	repeated map[diag.Diagnostic]time.Time
}

// ReportingController is what Events name as the one that reports them.
const ReportingController = "overrides"

// IsRefusal reports whether Events of a code tell of an object that can't be written.
// They are related to that object.
func IsRefusal(code diag.Code) bool {
	return code == diag.ObjectRefused || code == diag.FieldConflict || code == diag.NameTaken
}

// repeatAfter is when a refusal that lasts is said again: API servers keep Events for an
// hour.
const repeatAfter = 40 * time.Minute

// announcedWithin is how long after a route was written the operator that wrote it
// may have ended without having announced the version. Within it, one that follows
// says it, perhaps again.
const announcedWithin = time.Minute

// forget forgets what was said, as one that follows another operator. Warnings that go
// on are not said again.
func (a *announcer) forget() {
	a.told, a.said = false, map[route.Version]*corev1.ObjectReference{}
}

// tell tells what has changed since the pass before.
func (a *announcer) tell(p *picture) {
	services := map[[2]string]*corev1.Service{}
	for _, s := range p.objects.Services {
		services[[2]string{s.Namespace, s.Name}] = s
	}
	if !a.told {
		a.inherit(p)
	}
	a.tellVersions(p, services)
	diags := map[diag.Diagnostic]bool{}
	for _, d := range p.diags {
		if !severe(d) || diags[d] {
			continue
		}
		diags[d] = true
		if a.diags[d] && !a.repeats(d) {
			continue
		}
		a.log.Warn("diagnostic", "code", string(d.Code), "object", d.Object.String(), "message", d.Message)
		for _, name := range p.concerned(d.Object) {
			if s := services[name]; s != nil {
				a.recorder.Eventf(s, relatedTo(&d), corev1.EventTypeWarning, string(d.Code), "Route", "%s", short(noteOn(name, &d)))
			}
		}
	}
	for _, d := range ended(a.diags, diags) {
		a.log.Info("diagnostic no longer", "code", string(d.Code), "object", d.Object.String(), "message", d.Message)
	}
	a.noteRefusals(diags)
	a.diags, a.told = diags, true
}

// repeats reports whether a refusal that lasts is to be said again.
func (a *announcer) repeats(d diag.Diagnostic) bool {
	return IsRefusal(d.Code) && time.Since(a.repeated[d]) >= repeatAfter
}

// noteRefusals notes when each refusal was said last, where that is now for new ones.
func (a *announcer) noteRefusals(now map[diag.Diagnostic]bool) {
	last := a.repeated
	a.repeated = map[diag.Diagnostic]time.Time{}
	for d := range now {
		if !IsRefusal(d.Code) {
			continue
		}
		if a.repeated[d] = last[d]; !a.diags[d] || a.repeats(d) {
			a.repeated[d] = time.Now()
		}
	}
}

// relatedTo refers to the object that can't be written; nil for what is about none.
func relatedTo(d *diag.Diagnostic) runtime.Object {
	if !IsRefusal(d.Code) {
		return nil
	}
	return &corev1.ObjectReference{APIVersion: istioGroup + "/v1", Kind: d.Object.Kind, Namespace: d.Object.Namespace, Name: d.Object.Name}
}

// ended lists the diagnostics of before that are not there now, sorted.
func ended(before, now map[diag.Diagnostic]bool) []diag.Diagnostic {
	var out []diag.Diagnostic
	for d := range before {
		if !now[d] {
			out = append(out, d)
		}
	}
	return diag.Sort(out)
}

// inherit takes for said what an earlier operator has announced, by the time of
// its routes.
func (a *announcer) inherit(p *picture) {
	index := rows{picture: p}
	for i := range p.result.Tables {
		t := &p.result.Tables[i]
		seen := p.seen[t.Object()]
		if seen == nil || time.Since(seen.Written) < announcedWithin {
			continue
		}
		for j := range t.Routes {
			v := t.Routes[j].Version
			if _, routed := p.planned.Routed[v]; routed {
				a.said[v] = index.row(v)
			}
		}
	}
}

func (a *announcer) tellVersions(p *picture, services map[[2]string]*corev1.Service) {
	index := rows{picture: p}
	say := func(v route.Version, reason, note string) {
		if s := services[[2]string{v.Namespace, v.Service}]; s != nil {
			a.recorder.Eventf(s, a.said[v], corev1.EventTypeNormal, reason, "Route", "%s", note)
			a.metrics.announced.WithLabelValues(reason).Inc()
		}
	}
	routed := p.planned.Routed
	for _, v := range sortedVersions(routed) {
		if routed[v].Settled && a.said[v] == nil {
			a.said[v] = index.row(v)
			say(v, VersionOverridable, "version "+v.Version+" is reached by requests for "+v.Service+":"+v.Version)
		}
	}
	for _, v := range sortedVersions(a.said) {
		if _, still := routed[v]; !still {
			say(v, VersionNotOverridable, "version "+v.Version+" can't serve: requests for it get the released version")
			delete(a.said, v)
		}
	}
}

// rows finds the rows for versions among the tables of a picture.
type rows struct {
	*picture
	// at has the places of table and row; nil until one is asked for.
	at map[route.Version][2]int
}

// row refers to the row for a version, in the object as it is now. Events that differ
// in nothing but their note and time are taken for one, of which nobody hears
// again for minutes; but a version may come, go and come again in seconds, each
// time by another write of the object.
func (r *rows) row(v route.Version) *corev1.ObjectReference {
	if r.at == nil {
		r.index()
	}
	out := &corev1.ObjectReference{APIVersion: "networking.istio.io/v1", Kind: "VirtualService", Namespace: v.Namespace}
	if at, there := r.at[v]; there {
		t := &r.result.Tables[at[0]]
		seen := r.seen[t.Object()]
		out.Namespace, out.Name, out.UID, out.ResourceVersion = t.Namespace, t.Name, seen.UID, seen.ResourceVersion
		out.FieldPath = "spec.http{" + t.Routes[at[1]].Name + "}"
	}
	return out
}

// index notes the first row of each version, of objects that are there.
func (r *rows) index() {
	r.at = map[route.Version][2]int{}
	for i := range r.result.Tables {
		t := &r.result.Tables[i]
		if r.seen[t.Object()] == nil {
			continue
		}
		for j := range t.Routes {
			if _, known := r.at[t.Routes[j].Version]; !known && t.Routes[j].Kind == route.Override {
				r.at[t.Routes[j].Version] = [2]int{i, j}
			}
		}
	}
}

// noteOn is what an Event on a Service says of d, which may be about a VirtualService.
func noteOn(service [2]string, d *diag.Diagnostic) string {
	if d.Object.Kind == "VirtualService" && d.Object.Name != service[1]+compile.ObjectSuffix {
		return d.Object.String() + ": " + d.Message
	}
	return d.Message
}

// concerned names the Services that an object is about: itself, the one that an object
// of ours was made for, or those with versions that a user's VirtualService leads to.
func (p *picture) concerned(object diag.Object) [][2]string {
	if _, wanted := p.ours()[object]; object.Kind == "VirtualService" && !wanted && p.snapshot != nil {
		for i := range p.snapshot.VirtualServices {
			if v := &p.snapshot.VirtualServices[i]; v.Object() == object {
				return p.ledTo(v)
			}
		}
	}
	return [][2]string{{object.Namespace, p.owner(object)}}
}

// ledTo names the Services with routes or previews that v is for, leads to, or copies
// requests to.
func (p *picture) ledTo(v *model.VirtualService) [][2]string {
	hosts := map[string]bool{}
	add := func(host string) {
		if !strings.Contains(host, ".") {
			host += "." + v.Namespace + ".svc." + p.snapshot.Options.ClusterDomain
		}
		hosts[host] = true
	}
	for _, host := range v.Spec.GetHosts() {
		add(host)
	}
	for _, h := range v.Spec.GetHttp() {
		for _, r := range h.GetRoute() {
			add(r.GetDestination().GetHost())
		}
		add(h.GetMirror().GetHost())
		for _, m := range h.GetMirrors() {
			add(m.GetDestination().GetHost())
		}
	}
	var out [][2]string
	for i := range p.result.Services {
		if s := &p.result.Services[i]; hosts[s.Host] && (s.State == compile.Managed || len(s.Previews) > 0) {
			out = append(out, [2]string{s.Namespace, s.Name})
		}
	}
	return out
}

// owner names the Service that an object is about: itself, or the one that an
// object of ours was made for.
func (p *picture) owner(object diag.Object) string {
	if object.Kind == "Service" {
		return object.Name
	}
	if name, wanted := p.ours()[object]; wanted {
		return name
	}
	// One that nobody wants any more is named after what it was for.
	return strings.TrimSuffix(object.Name, compile.ObjectSuffix)
}

// ours names the owners of our objects that are wanted.
func (p *picture) ours() map[diag.Object]string {
	if p.owners == nil {
		p.owners = map[diag.Object]string{}
		for i := range p.result.Tables {
			t := &p.result.Tables[i]
			p.owners[t.Object()] = t.Owner
		}
		for i := range p.result.SubsetRules {
			r := &p.result.SubsetRules[i]
			p.owners[r.Object()] = r.Owner
		}
	}
	return p.owners
}

// short cuts a note to what an Event takes (1 KiB), between characters.
func short(note string) string {
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

func sortedVersions[T any](m map[route.Version]T) []route.Version {
	return slices.SortedFunc(maps.Keys(m), func(a, b route.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
	})
}
