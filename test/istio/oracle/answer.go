package oracle

import (
	"fmt"
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

// String returns d as "host subset:port*weight (pod, pod)", without what it
// lacks; the domain of hosts is left out up to their namespace.
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
