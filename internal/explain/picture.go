package explain

import (
	"io"

	"github.com/overrides-mesh/overrides/internal/picture"
	"github.com/overrides-mesh/overrides/internal/route"
)

// nodes are the boxes of the picture: the caller, and each service with the destination that is
// reached. The edge to each but the first has the route of its hop.
func (e *Explanation) nodes() []picture.Node {
	if len(e.Hops) == 0 {
		return nil
	}
	out := []picture.Node{{Name: e.Hops[0].Caller, From: -1}}
	add := func(n picture.Node) {
		n.From = len(out) - 1
		out = append(out, n)
	}
	for i := range e.Hops {
		h := &e.Hops[i]
		n := picture.Node{Name: h.Service, Detail: h.Reached, Edge: h.Route}
		switch {
		case h.Kind == route.Override:
			n.Style = picture.Overridden
		case h.hasRows() && len(h.Destinations) == 0:
			n.Style = picture.Refused
		}
		add(n)
	}
	for _, name := range e.Unreached {
		add(picture.Node{Name: name, Detail: "not reached", Style: picture.Unreached})
	}
	return out
}

// Mermaid writes the path of the request as a Mermaid flowchart. Overridden hops are
// filled.
func (e *Explanation) Mermaid(w io.Writer) error { return picture.Mermaid(w, e.nodes()) }

// DOT writes the path of the request in Graphviz's language.
func (e *Explanation) DOT(w io.Writer) error { return picture.DOT(w, e.nodes()) }
