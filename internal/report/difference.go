package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// DifferenceJSON writes a difference as one JSON object.
func DifferenceJSON(w io.Writer, d *prove.Difference) error {
	out := *d
	if out.Changes == nil {
		out.Changes = []prove.Change{}
	}
	if out.Opened == nil {
		out.Opened = []prove.Opened{}
	}
	if out.NotCompared == nil {
		out.NotCompared = []diag.Object{}
	}
	return encode(w, out)
}

// DifferenceText writes as text how ordinary traffic would change from one state to
// another.
func DifferenceText(w io.Writer, d *prove.Difference) error {
	var b strings.Builder
	b.WriteString("Compared, before and after:\n")
	writeCounts(&b, []count{
		{d.Compared.Hosts, "hosts"},
		{d.Compared.Callers, "classes of callers"},
		{d.Compared.Domains, "names"},
		{d.Compared.Routes, "routes"},
	})
	if len(d.Changes) == 0 {
		b.WriteString("They are equal for ordinary requests.\n")
	} else {
		b.WriteString("\nOrdinary requests would change:\n")
	}
	about := ""
	for i := range d.Changes {
		c := &d.Changes[i]
		if of := subject(c); of != about {
			about = of
			fmt.Fprintf(&b, "  %s\n", of)
		}
		fmt.Fprintf(&b, "    %s\n", c.Change)
		if place := placeOf(c); place != "" {
			fmt.Fprintf(&b, "      %s\n", place)
		}
	}
	if len(d.Opened) > 0 {
		b.WriteString("\nDoors through which ordinary requests would newly reach previews:\n")
	}
	for _, o := range d.Opened {
		fmt.Fprintf(&b, "  %s: %s\n", o.Service, strings.TrimSpace(string(o.Door.Kind)+" "+o.Door.Name))
	}
	if len(d.NotCompared) > 0 {
		b.WriteString("\nNot compared, since they have routes for gateways, TCP or TLS:\n")
	}
	for _, o := range d.NotCompared {
		fmt.Fprintf(&b, "  %s\n", o)
	}
	if len(d.Relabelled) > 0 {
		b.WriteString("\nPods have other labels, which no route and no selector uses:\n")
	}
	for _, r := range d.Relabelled {
		fmt.Fprintf(&b, "  %s: %s\n", r.Workload, strings.Join(r.Labels, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func subject(c *prove.Change) string {
	if c.Service.Name != "" {
		return c.Service.String()
	}
	return c.Host
}

// placeOf says for which callers a change is, and by which names.
func placeOf(c *prove.Change) string {
	if len(c.Domains) == 0 {
		return ""
	}
	callers := "all callers"
	if len(c.Callers) > 0 {
		callers = some(c.Callers)
	}
	ports := make([]string, 0, len(c.Ports))
	for _, p := range c.Ports {
		ports = append(ports, fmt.Sprint(p))
	}
	word := "port"
	if len(ports) > 1 {
		word = "ports"
	}
	return fmt.Sprintf("for %s, by %s on %s %s", callers, some(hostFirst(c)), word, some(ports))
}

// hostFirst lists the names of a change, the full one first.
func hostFirst(c *prove.Change) []string {
	at := slices.Index(c.Domains, c.Host)
	if at < 0 {
		return c.Domains
	}
	return slices.Concat([]string{c.Host}, c.Domains[:at], c.Domains[at+1:])
}

// some joins the first of names.
func some(names []string) string {
	const most = 2
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
