package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/overrides-mesh/overrides/internal/route"
)

// node is one box of the picture: a caller, or a service with the destination that is
// reached. The edge to each but the first is labelled with the route of its hop.
type node struct {
	name, reached, edge string
	style               string
}

// Styles of nodes, which are class names in Mermaid.
const (
	plain      = ""
	overridden = "override"
	refused    = "refused"
	unreached  = "unreached"
)

func (e *Explanation) nodes() []node {
	if len(e.Hops) == 0 {
		return nil
	}
	out := []node{{name: e.Hops[0].Caller}}
	for i := range e.Hops {
		h := &e.Hops[i]
		n := node{name: h.Service, reached: h.Reached, edge: h.Route}
		switch {
		case h.Kind == route.Override:
			n.style = overridden
		case h.hasRows() && len(h.Destinations) == 0:
			n.style = refused
		}
		out = append(out, n)
	}
	for _, name := range e.Unreached {
		out = append(out, node{name: name, reached: "not reached", style: unreached})
	}
	return out
}

// Mermaid writes the path of the request as a Mermaid flowchart. Overridden hops are
// filled.
func (e *Explanation) Mermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range e.nodes() {
		label := mermaidText(n.name)
		if n.reached != "" {
			label += "<br/>" + mermaidText(n.reached)
		}
		shape := [2]string{"[", "]"}
		if i == 0 {
			shape = [2]string{"([", "])"}
		}
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, shape[0], label, shape[1])
		if i == 0 {
			continue
		}
		arrow := "-->"
		if n.style == unreached {
			arrow = "-.->"
		}
		if n.edge != "" {
			arrow += "|\"" + mermaidText(n.edge) + "\"|"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", i-1, arrow, i)
		if n.style != plain {
			fmt.Fprintf(&b, "  class n%d %s\n", i, n.style)
		}
	}
	b.WriteString("  classDef override fill:#d6f5d6,stroke:#2e7d32\n")
	b.WriteString("  classDef refused fill:#fbdcdc,stroke:#b3261e\n")
	b.WriteString("  classDef unreached fill:#f4f4f4,stroke:#9e9e9e,stroke-dasharray:4\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText writes text with entity codes for characters that could have a meaning in
// Mermaid, in Markdown or in HTML.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ':
			b.WriteString(" ")
		case strings.ContainsRune("\"#&<>`\\|[](){};*", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DOT writes the path of the request in Graphviz's language.
func (e *Explanation) DOT(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph overrides {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for i, n := range e.nodes() {
		label := dotText(n.name)
		if n.reached != "" {
			label += `\n` + dotText(n.reached)
		}
		attributes := ""
		switch {
		case i == 0:
			attributes = ", shape=oval"
		case n.style == overridden:
			attributes = `, style=filled, fillcolor="#d6f5d6"`
		case n.style == refused:
			attributes = `, style=filled, fillcolor="#fbdcdc"`
		case n.style == unreached:
			attributes = `, style=dashed`
		}
		fmt.Fprintf(&b, "  n%d [label=\"%s\"%s];\n", i, label, attributes)
		if i == 0 {
			continue
		}
		edge := ""
		switch {
		case n.edge != "":
			edge = fmt.Sprintf(" [label=\"%s\"]", dotText(n.edge))
		case n.style == unreached:
			edge = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  n%d -> n%d%s;\n", i-1, i, edge)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotText escapes text for use between double quotes, where "\" begins an escape.
func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ", "\r", " ").Replace(s)
}
