package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/route"
)

// shownRows is the maximum number of rows of a table that are all written.
const shownRows = 20

// Text writes e for people: the path of the request, then the rows of the table of each
// hop. For large tables it writes only the rows that concern the request, unless all is
// set.
func (e *Explanation) Text(w io.Writer, all bool) error {
	var b strings.Builder
	if len(e.Hops) > 1 || len(e.Unreached) > 0 {
		b.WriteString(e.way() + "\n\n")
	}
	for i := range e.Hops {
		if i > 0 {
			b.WriteString("\n")
		}
		e.Hops[i].text(&b, all)
	}
	if len(e.Unreached) > 0 {
		fmt.Fprintf(&b, "\nnot reached: %s\n", strings.Join(e.Unreached, ", "))
	}
	if len(e.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range e.Notes {
		b.WriteString(n.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes e as one JSON object.
func (e *Explanation) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(e)
}

// way returns the path in one line: "client → service-1:v1 → service-2:v2".
func (e *Explanation) way() string {
	steps := []string{e.Hops[0].Caller}
	for i := range e.Hops {
		steps = append(steps, e.Hops[i].station())
	}
	return strings.Join(steps, " → ")
}

// station names a service and the destination that is reached.
func (h *Hop) station() string {
	if strings.ContainsAny(h.Reached, " ,:") {
		return h.Service + " (" + h.Reached + ")"
	}
	return h.Service + ":" + h.Reached
}

func (h *Hop) text(b *strings.Builder, all bool) {
	fmt.Fprintf(b, "%s → %s: %s", h.Caller, h.Service, h.Reached)
	if h.Route != "" {
		fmt.Fprintf(b, " (%s)", h.Route)
	}
	b.WriteString("\n")
	for _, a := range []*Arrival{h.Gateway, h.Sidecar} {
		if a != nil {
			a.text(b)
		}
	}
	switch {
	case h.Gateway != nil && h.Gateway.answer != "":
		return
	case !h.hasRows():
		code := ""
		if h.Code != "" {
			code = " [" + string(h.Code) + "]"
		}
		fmt.Fprintf(b, "  %s%s\n", h.Why, code)
		return
	}
	rows, left := h.Rows, 0
	if !all {
		rows, left = h.relevant()
	}
	nameWidth, toWidth := 0, 0
	for _, r := range rows {
		nameWidth = max(nameWidth, utf8.RuneCountInString(r.Name))
		toWidth = max(toWidth, utf8.RuneCountInString(r.To))
	}
	for _, r := range rows {
		fmt.Fprintf(b, "  %s %-*s  → %-*s  %s\n", r.mark(), nameWidth, r.Name, toWidth, r.To, r.Why)
	}
	if left > 0 {
		more := fmt.Sprintf("%d more rows, for versions that are not asked for (--all shows them)", left)
		if left == 1 {
			more = "1 more row, for a version that is not asked for (--all shows it)"
		}
		fmt.Fprintf(b, "  ✗ %s\n", more)
	}
}

func (r *Row) mark() string {
	switch {
	case r.Taken:
		return "✓"
	case r.Fits:
		return "·"
	}
	return "✗"
}

func (a *Arrival) text(b *strings.Builder) {
	indent := "  "
	if a.Policy != "" {
		fmt.Fprintf(b, "  %s %s:\n", cmp.Or(a.kind, v1alpha1.KindGatewayOverridePolicy), a.Policy)
		indent = "    "
		if len(a.Says) == 0 {
			b.WriteString("    changes nothing\n")
		}
	}
	for _, s := range a.Says {
		b.WriteString(indent + s + "\n")
	}
}

// relevant returns the rows to write and the number of the others. It leaves out override
// rows that the request does not ask for.
func (h *Hop) relevant() (rows []Row, left int) {
	if len(h.Rows) <= shownRows+1 {
		return h.Rows, 0
	}
	room := shownRows
	for _, r := range h.Rows {
		if !r.dull() {
			room--
		}
	}
	for _, r := range h.Rows {
		switch {
		case !r.dull():
			rows = append(rows, r)
		case room > 0:
			rows = append(rows, r)
			room--
		default:
			left++
		}
	}
	return rows, left
}

// dull rows are those of versions that the request does not name.
func (r *Row) dull() bool {
	return !r.Taken && !r.Fits && !r.asked && (r.Kind == route.Override || r.Kind == route.Unavailable)
}
