package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Service describes one Service and its versions.
type Service struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"service"`
	State     compile.State `json:"state"`
	// Reason is the code of the diagnostic about a Service that is left alone.
	Reason diag.Code `json:"reason,omitempty"`
	// Why is the reason as text.
	Why string `json:"why,omitempty"`
	// Pinned says how ordinary traffic is pinned to the released pods.
	Pinned   compile.Pinned `json:"pinned,omitempty"`
	Versions []Version      `json:"versions,omitempty"`
	// Doors are the ways to its pods, if it has previews.
	Doors []compile.Door `json:"doors,omitempty"`
}

// Version is one version of a Service, or its pods without a version label.
type Version struct {
	// Name is empty for pods without a version label.
	Name     string `json:"version"`
	Released bool   `json:"released"`
	Pods     int    `json:"pods"`
	Ready    int    `json:"ready"`
	// Route is the destination of an override: "subset NAME" or "isolated SERVICE"; empty
	// if there is no route.
	Route     string   `json:"route,omitempty"`
	Workloads []string `json:"workloads,omitempty"`
	// Expires is when the operator removes the route; zero for never.
	Expires time.Time `json:"expires,omitzero"`
	Why     string    `json:"why,omitempty"`
}

// Services describes the Services of a result, in its order. The result was compiled from
// snapshot.
func Services(snapshot *model.Snapshot, result *compile.Result) []Service {
	inputs := map[[2]string]*model.Service{}
	for i := range snapshot.Services {
		s := &snapshot.Services[i]
		inputs[[2]string{s.Namespace, s.Name}] = s
	}
	routes := overrideRoutes(result)
	out := make([]Service, 0, len(result.Services))
	for i := range result.Services {
		s := &result.Services[i]
		in := inputs[[2]string{s.Namespace, s.Name}]
		service := Service{
			Namespace: s.Namespace, Name: s.Name, State: s.State, Reason: s.Reason, Pinned: s.Pinned, Why: whyState(s, in),
			Doors: s.Doors,
		}
		for _, v := range s.Versions {
			service.Versions = append(service.Versions, version(s, v, routes))
		}
		if unlabelled, ok := withoutLabel(s, in); ok {
			service.Versions = append(service.Versions, unlabelled)
		}
		out = append(out, service)
	}
	slices.SortFunc(out, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// overrideRoutes lists the destination of each version's override route.
func overrideRoutes(result *compile.Result) map[route.Version]string {
	out := map[route.Version]string{}
	for i := range result.Tables {
		for j := range result.Tables[i].Routes {
			r := &result.Tables[i].Routes[j]
			if r.Kind != route.Override || len(r.Destinations) == 0 || out[r.Version] != "" {
				continue
			}
			if d := r.Destinations[0]; d.Subset != "" {
				out[r.Version] = "subset " + d.Subset
			} else {
				name, rest, _ := strings.Cut(d.Host, ".")
				if namespace, _, _ := strings.Cut(rest, "."); namespace != r.Version.Namespace {
					name += "." + namespace
				}
				out[r.Version] = "isolated " + name
			}
		}
	}
	return out
}

func whyState(s *compile.Service, in *model.Service) string {
	switch {
	case s.State == compile.Skipped && in != nil && in.VersionOf != "":
		return "a version of " + in.BaseText()
	case s.State == compile.Skipped:
		return fmt.Sprintf("left alone (%s): %s", s.Reason, s.Why)
	case s.State == compile.Idle && in != nil && len(in.Selector) > 0 && len(in.Backends) == 0 && len(in.Unread) == 0:
		return "nothing to override: no workload in the input has the labels that it selects"
	case s.State == compile.Idle:
		return "nothing to override"
	}
	return ""
}

func version(s *compile.Service, v compile.Version, routes map[route.Version]string) Version {
	out := Version{
		Name: v.Name, Released: v.Released, Pods: v.Pods, Ready: v.Ready, Workloads: v.Workloads, Expires: v.Expires,
		Route: routes[route.Version{Service: s.Name, Namespace: s.Namespace, Version: v.Name}],
	}
	switch {
	case v.Released:
		out.Why = whyReleased(s)
	case s.State == compile.Skipped:
		// The Service has the reason, for all of its versions.
	case v.Ready == 0:
		out.Why = "no ready pod, so no route"
	case out.Route != "":
		out.Why = "on request: " + s.Name + ":" + v.Name
	}
	if !v.Expires.IsZero() && s.State != compile.Skipped {
		out.Why = strings.TrimPrefix(out.Why+"; expires "+v.Expires.Format(time.RFC3339), "; ")
	}
	return out
}

func whyReleased(s *compile.Service) string {
	if s.Pinned == compile.NotPinned {
		return s.Released + "; all pods share ordinary traffic"
	}
	return s.Released
}

// withoutLabel returns the pods of s that belong to no version. There are none if s was
// left alone before its versions were read.
func withoutLabel(s *compile.Service, in *model.Service) (Version, bool) {
	if in == nil || in.VersionOf != "" {
		return Version{}, false // the pods belong to a version of another Service
	}
	known := map[string]bool{}
	for _, v := range s.Versions {
		for _, w := range v.Workloads {
			// Released pods stay in a row of their own, even if an isolated version has them too.
			known[w] = known[w] || v.Isolated == "" || v.Released || !slices.ContainsFunc(s.ReleasedWorkloads, func(r model.Workload) bool { return r.String() == w })
		}
	}
	unread := func(b model.Backend) bool {
		return b.Labels[s.Settings.VersionLabel] != "" && !known[b.Workload.String()]
	}
	if s.State == compile.Skipped && slices.ContainsFunc(in.Backends, unread) {
		return Version{}, false
	}
	var out Version
	for i := range in.Backends {
		b := &in.Backends[i]
		name := b.Workload.String()
		if known[name] {
			continue
		}
		out.Pods += b.Pods
		out.Ready += b.Ready
		out.Workloads = append(out.Workloads, name)
		out.Released = out.Released || slices.Contains(s.ReleasedWorkloads, b.Workload)
	}
	slices.Sort(out.Workloads)
	out.Workloads = slices.Compact(out.Workloads)
	switch {
	case out.Released:
		out.Why = whyReleased(s)
	case s.State != compile.Skipped:
		out.Why = "no version label"
	}
	return out, len(out.Workloads) > 0
}

// VersionsJSON writes services as one JSON object.
func VersionsJSON(w io.Writer, services []Service) error {
	if services == nil {
		services = []Service{}
	}
	return encode(w, struct {
		Services []Service `json:"services"`
	}{services})
}

// none is the content of an empty cell.
const none = "—"

// Versions writes services as a table, a line for each version.
func Versions(w io.Writer, services []Service) error {
	rows := [][]string{{"NAMESPACE", "SERVICE", "VERSION", "RELEASED", "READY", "ROUTE", "WORKLOADS", "WHY"}}
	for i := range services {
		s := &services[i]
		for n, v := range s.Versions {
			why, of := v.Why, s.Why
			if s.State == compile.Skipped && n > 0 {
				of = fmt.Sprintf("left alone (%s)", s.Reason) // the first row has the full reason
			}
			if of != "" && (v.Released || s.State == compile.Skipped) {
				why = strings.TrimPrefix(why+"; "+of, "; ")
			}
			rows = append(rows, []string{
				s.Namespace, s.Name, cell(v.Name), yes(v.Released), fmt.Sprintf("%d/%d", v.Ready, v.Pods),
				cell(v.Route), cell(strings.Join(v.Workloads, ",")), cell(why),
			})
		}
		if len(s.Versions) == 0 {
			rows = append(rows, []string{s.Namespace, s.Name, none, none, none, none, none, cell(s.Why)})
		}
	}
	return Table(w, rows)
}

func cell(s string) string {
	if s == "" {
		return none
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return none
}
