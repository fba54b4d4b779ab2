package picture

import (
	"fmt"
	"io"
	"strings"
)

// Node is one box of a picture.
type Node struct {
	// Name and Detail are the lines of the box. Detail may be empty.
	Name, Detail string
	// From is the index of the node that has an edge to this one, which comes earlier; negative
	// for none. Edge is the text at the edge.
	From  int
	Edge  string
	Style Style
}

// Style says how a node is drawn. It is a class name in Mermaid.
type Style string

// Styles of nodes.
const (
	Plain      Style = ""
	Overridden Style = "override"
	Refused    Style = "refused"
	Unreached  Style = "unreached"
)

// Mermaid writes nodes as a Mermaid flowchart.
func Mermaid(w io.Writer, nodes []Node) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range nodes {
		label := mermaidText(n.Name)
		if n.Detail != "" {
			label += "<br/>" + mermaidText(n.Detail)
		}
		shape := [2]string{"[", "]"}
		if n.From < 0 {
			shape = [2]string{"([", "])"}
		}
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, shape[0], label, shape[1])
		if n.From >= 0 {
			arrow := "-->"
			if n.Style == Unreached {
				arrow = "-.->"
			}
			if n.Edge != "" {
				arrow += "|\"" + mermaidText(n.Edge) + "\"|"
			}
			fmt.Fprintf(&b, "  n%d %s n%d\n", n.From, arrow, i)
		}
		if n.Style != Plain {
			fmt.Fprintf(&b, "  class n%d %s\n", i, n.Style)
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

// DOT writes nodes in Graphviz's language.
func DOT(w io.Writer, nodes []Node) error {
	var b strings.Builder
	b.WriteString("digraph overrides {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for i, n := range nodes {
		label := dotText(n.Name)
		if n.Detail != "" {
			label += `\n` + dotText(n.Detail)
		}
		fmt.Fprintf(&b, "  n%d [label=\"%s\"%s];\n", i, label, n.attributes())
		if n.From < 0 {
			continue
		}
		edge := ""
		switch {
		case n.Edge != "":
			edge = fmt.Sprintf(" [label=\"%s\"]", dotText(n.Edge))
		case n.Style == Unreached:
			edge = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  n%d -> n%d%s;\n", n.From, i, edge)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// attributes are those of a box in Graphviz's language, besides its label.
func (n *Node) attributes() string {
	switch {
	case n.From < 0:
		return ", shape=oval"
	case n.Style == Overridden:
		return `, style=filled, fillcolor="#d6f5d6"`
	case n.Style == Refused:
		return `, style=filled, fillcolor="#fbdcdc"`
	case n.Style == Unreached:
		return `, style=dashed`
	}
	return ""
}

// dotText escapes text for use between double quotes, where "\" begins an escape.
func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ", "\r", " ").Replace(s)
}
