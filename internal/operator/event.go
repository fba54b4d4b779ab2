package operator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
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

	// told is set after the first pass: versions whose routes were there long before
	// the operator started were announced by the one before.
	told bool
	// said has the row of each version that was announced.
	said map[route.Version]*corev1.ObjectReference
	// diags are those of the pass before.
	diags map[diag.Diagnostic]bool
}

// announcedWithin is how long after a route was written the operator that wrote it
// may have ended without having announced the version. Within it, one that follows
// says it, perhaps again.
const announcedWithin = time.Minute

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
		if s := services[[2]string{d.Object.Namespace, p.owner(d.Object)}]; s != nil && !a.diags[d] {
			a.recorder.Eventf(s, nil, corev1.EventTypeWarning, string(d.Code), "Route", "%s", short(d.Message))
		}
	}
	a.diags, a.told = diags, true
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

// owner names the Service that an object is about: itself, or the one that an
// object of ours was made for.
func (p *picture) owner(object diag.Object) string {
	if object.Kind == "Service" {
		return object.Name
	}
	if p.owners == nil {
		p.owners = map[diag.Object]string{}
		for i := range p.result.Tables {
			t := &p.result.Tables[i]
			p.owners[t.Object()] = t.Owner
		}
		for i := range p.result.SubsetRules {
			r := &p.result.SubsetRules[i]
			p.owners[diag.Object{Kind: "DestinationRule", Namespace: r.Namespace, Name: r.Name}] = r.Owner
		}
	}
	if name, wanted := p.owners[object]; wanted {
		return name
	}
	// One that nobody wants any more is named after what it was for.
	return strings.TrimSuffix(object.Name, compile.ObjectSuffix)
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
