package operator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

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
	// said has the workload of each version that was announced.
	said map[route.Version]*metav1.PartialObjectMetadata
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
	for i := range p.result.Tables {
		t := &p.result.Tables[i]
		seen := p.seen[diag.Object{Kind: "VirtualService", Namespace: t.Namespace, Name: t.Name}]
		if seen == nil || time.Since(seen.Written) < announcedWithin {
			continue
		}
		for j := range t.Routes {
			v := t.Routes[j].Version
			if _, routed := p.planned.Routed[v]; routed {
				a.said[v] = workload(p, v)
			}
		}
	}
}

func (a *announcer) tellVersions(p *picture, services map[[2]string]*corev1.Service) {
	say := func(v route.Version, reason, note string) {
		if s := services[[2]string{v.Namespace, v.Service}]; s != nil {
			// Events that differ in their note only are taken for one and the same.
			a.recorder.Eventf(s, a.said[v], corev1.EventTypeNormal, reason, "Route", "%s", note)
			a.metrics.announced.WithLabelValues(reason).Inc()
		}
	}
	routed := p.planned.Routed
	for _, v := range sortedVersions(routed) {
		if routed[v].Settled && a.said[v] == nil {
			a.said[v] = workload(p, v)
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

// workload is what runs a version.
func workload(p *picture, v route.Version) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}}
	out.Namespace, out.Name = v.Namespace, v.Version
	for i := range p.result.Services {
		s := &p.result.Services[i]
		for _, version := range s.Versions {
			if s.Namespace == v.Namespace && s.Name == v.Service && version.Name == v.Version && len(version.Workloads) > 0 {
				out.Kind, out.Name, _ = strings.Cut(version.Workloads[0], "/")
				out.APIVersion = apiVersions[out.Kind]
			}
		}
	}
	return out
}

// apiVersions are those of the kinds of workloads.
var apiVersions = map[string]string{
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
	"Rollout": "argoproj.io/v1alpha1", "Pod": "v1", "Job": "batch/v1",
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
			p.owners[diag.Object{Kind: "VirtualService", Namespace: t.Namespace, Name: t.Name}] = t.Owner
		}
		for i := range p.result.SubsetRules {
			r := &p.result.SubsetRules[i]
			p.owners[diag.Object{Kind: "DestinationRule", Namespace: r.Namespace, Name: r.Name}] = r.Owner
		}
	}
	return p.owners[object]
}

// short cuts a note to what an Event takes (1 KiB).
func short(note string) string {
	const most = 1000
	if len(note) <= most {
		return note
	}
	return note[:most] + "…"
}

func sortedVersions[T any](m map[route.Version]T) []route.Version {
	return slices.SortedFunc(maps.Keys(m), func(a, b route.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version))
	})
}
