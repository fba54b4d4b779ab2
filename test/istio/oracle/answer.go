package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// String returns a as one line: "404", "503 body", "301 location", or the
// route's name, its destinations as "host subset:port*weight" and their pods.
func (a Answer) String() string {
	switch {
	case a.Index < 0:
		return fmt.Sprint(a.Status)
	case a.Location != "":
		return fmt.Sprintf("%s: %d %s", a.Name, a.Status, a.Location)
	case a.Status != 0:
		return strings.TrimSuffix(fmt.Sprintf("%s: %d %s", a.Name, a.Status, a.Body), " ")
	}
	var parts []string
	for _, d := range a.Destinations {
		parts = append(parts, d.String())
	}
	return a.Name + ": " + strings.Join(parts, ", ")
}

// String returns d as "host subset:port*weight (pod, pod)", without the parts that it
// lacks; the domain after the namespace is omitted from hosts.
func (d Destination) String() string {
	name, _, _ := strings.Cut(d.Host, ".svc.")
	switch {
	case d.Host == "" && len(d.Pods) == 0:
		return d.Cluster
	case d.Host == "":
		return d.Cluster + " (" + strings.Join(d.Pods, " ") + ")"
	}
	if d.Subset != "" {
		name += " " + d.Subset
	}
	name += fmt.Sprintf(":%d", d.Port)
	if d.Weight != 1 {
		name += fmt.Sprintf("*%d", d.Weight)
	}
	if d.Missing {
		return name + " (no cluster)"
	}
	return name + " (" + strings.Join(d.Pods, " ") + ")"
}

// Details returns interesting details that String omits: the path if it was rewritten,
// the timeout, faults, copies; "" if there are none.
func (a Answer) Details(path string) string {
	var out []string
	if a.Status == 0 && a.Path != path {
		out = append(out, "path "+a.Path)
	}
	action := a.Route.GetRoute()
	if timeout := action.GetTimeout(); timeout.AsDuration() != 0 {
		out = append(out, "timeout "+timeout.AsDuration().String())
	}
	for _, name := range slices.Sorted(maps.Keys(a.Route.GetTypedPerFilterConfig())) {
		out = append(out, name[strings.LastIndexByte(name, '.')+1:])
	}
	for i, mirror := range a.Mirrors {
		fraction := action.GetRequestMirrorPolicies()[i].GetRuntimeFraction().GetDefaultValue()
		out = append(out, fmt.Sprintf("copy %d/%s to %s", fraction.GetNumerator(), fraction.GetDenominator(), mirror))
	}
	return strings.Join(out, ", ")
}
