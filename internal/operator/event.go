package operator

import (
	"cmp"
	"maps"
	"slices"
	"strings"

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

	// told is set after the first pass: what was so when the operator started was
	// told by the one before, but for diagnostics.
	told bool
	// said has the workload of each version that was announced.
	said map[route.Version]*metav1.PartialObjectMetadata
	// diags are those of the pass before.
	diags []diag.Diagnostic
}

// tell tells what has changed since the pass before.
func (a *announcer) tell(p *picture) {
	services := map[[2]string]*corev1.Service{}
	for _, s := range p.objects.Services {
		services[[2]string{s.Namespace, s.Name}] = s
	}
	say := func(v route.Version, reason, note string) {
		if s := services[[2]string{v.Namespace, v.Service}]; s != nil && a.told {
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
	for _, d := range p.diags {
		s := services[[2]string{d.Object.Namespace, owner(p, d.Object)}]
		if severe(d) && s != nil && !slices.Contains(a.diags, d) {
			a.recorder.Eventf(s, nil, corev1.EventTypeWarning, string(d.Code), "Route", "%s", short(d.Message))
		}
	}
	a.diags, a.told = p.diags, true
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
func owner(p *picture, object diag.Object) string {
	switch object.Kind {
	case "Service":
		return object.Name
	case "VirtualService":
		for i := range p.result.Tables {
			if t := &p.result.Tables[i]; t.Namespace == object.Namespace && t.Name == object.Name {
				return t.Owner
			}
		}
	case "DestinationRule":
		for i := range p.result.SubsetRules {
			if r := &p.result.SubsetRules[i]; r.Namespace == object.Namespace && r.Name == object.Name {
				return r.Owner
			}
		}
	}
	return ""
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
