package closed

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Need is a version that has to be closed.
type Need struct {
	// Version is the version, and Origin the origin of its Service.
	Version model.VersionName
	Origin  diag.Origin
	// Namespace and Selector select its pods, whose labels are Pods. Name begins the names of
	// the objects that close it.
	Namespace, Name string
	Selector        map[string]string
	Pods            []map[string]string
	// Ports are the ports of the pods behind its Service, sorted; nil if one is not known.
	Ports []uint32
	// Released are the labels of the released pods, in ReleasedIn, with their ports.
	Released      []map[string]string
	ReleasedIn    string
	ReleasedPorts []uint32
	// Refused says why closing it would touch ordinary traffic; empty if it would not.
	Refused string
}

// Needs returns the versions to close, sorted. The services are the findings about those of the
// snapshot, after the proof.
func Needs(snapshot *model.Snapshot, services []compile.Service) []Need {
	var out []Need
	for i := range services {
		s := &services[i]
		if closed := s.Settings.Closed; closed == nil || !*closed || s.State == compile.Skipped {
			continue
		}
		base := serviceOf(snapshot, s.Namespace, s.Name)
		for j := range s.Versions {
			if v := &s.Versions[j]; !v.Released && base != nil {
				out = append(out, needOf(snapshot, services, s, base, v))
			}
		}
	}
	slices.SortFunc(out, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func needOf(snapshot *model.Snapshot, services []compile.Service, s *compile.Service, base *model.Service, v *compile.Version) Need {
	out := Need{
		Version: model.VersionName{Namespace: s.Namespace, Service: s.Name, Version: v.Name}, Origin: s.Origin,
		Namespace: s.Namespace, Name: s.Name + "." + nameOf(v.Name), ReleasedIn: s.Namespace, ReleasedPorts: portsOf(base),
	}
	for i := range s.ReleasedPods {
		out.Released = append(out.Released, s.ReleasedPods[i].Labels)
	}
	behind := base
	if v.Isolated == "" {
		out.Selector = maps.Clone(base.Selector)
		out.Selector[s.Settings.VersionLabel] = v.Name
		out.Refused = openDoor(s)
	} else {
		name, namespace, elsewhere := strings.Cut(v.Isolated, ".")
		if !elsewhere {
			namespace = s.Namespace
		}
		if behind = serviceOf(snapshot, namespace, name); behind == nil {
			out.Refused = "its Service is not known"
			return out
		}
		out.Namespace, out.Name, out.Selector = namespace, name, behind.Selector
	}
	out.Ports = portsOf(behind)
	for i := range behind.Backends {
		if labels := behind.Backends[i].Labels; model.HasLabels(labels, out.Selector) {
			out.Pods = append(out.Pods, labels)
		}
	}
	out.Refused = cmp.Or(out.Refused, selectsReleased(snapshot, services, &out))
	return out
}

// openDoor says by which door ordinary requests reach the pods behind a Service that are not
// released; empty for none. An isolated version is behind another Service.
func openDoor(s *compile.Service) string {
	for _, d := range s.Doors {
		if !d.Pinned {
			return strings.TrimSpace(fmt.Sprintf("ordinary requests reach it by %s %s", d.Kind, d.Name))
		}
	}
	return ""
}

// selectsReleased says which released pods have the labels of a preview; empty for none. The pods
// behind the Service of an isolated version are its previews.
func selectsReleased(snapshot *model.Snapshot, services []compile.Service, n *Need) string {
	if len(n.Selector) == 0 {
		return "its Service has no selector"
	}
	for i := range services {
		s := &services[i]
		if given := serviceOf(snapshot, s.Namespace, s.Name); s.Namespace != n.Namespace || given == nil || given.VersionOf != "" {
			continue
		}
		for j := range s.ReleasedPods {
			if b := &s.ReleasedPods[j]; model.HasLabels(b.Labels, n.Selector) {
				return fmt.Sprintf("released pods of Service %s (%s) have its labels", s.Name, b.Workload)
			}
		}
	}
	return ""
}

func serviceOf(snapshot *model.Snapshot, namespace, name string) *model.Service {
	at := slices.IndexFunc(snapshot.Services, func(s model.Service) bool { return s.Namespace == namespace && s.Name == name })
	if at < 0 {
		return nil
	}
	return &snapshot.Services[at]
}

// portsOf returns the ports of the pods behind a Service, sorted; nil if one is not known.
func portsOf(s *model.Service) []uint32 {
	var out []uint32
	for _, p := range s.Ports {
		if p.Target == 0 {
			return nil
		}
		out = append(out, p.Target)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
