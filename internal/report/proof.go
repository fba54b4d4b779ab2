package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// Proof is the outcome of a proof, with the doors of the Services that it is about.
type Proof struct {
	Compared prove.Compared  `json:"compared"`
	Refused  []prove.Failure `json:"refused"`
	Split    []prove.Split   `json:"split,omitempty"`
	Services []ServiceDoors  `json:"services"`
}

// ProofJSON writes a proof as one JSON object.
func ProofJSON(w io.Writer, p *Proof) error {
	out := *p
	if out.Refused == nil {
		out.Refused = []prove.Failure{}
	}
	if out.Services == nil {
		out.Services = []ServiceDoors{}
	}
	return encode(w, out)
}

// ProofText writes a proof as text: what was compared, what is left out, and the doors.
func ProofText(w io.Writer, p *Proof) error {
	var b strings.Builder
	if p.Compared.Tables+p.Compared.Rules == 0 {
		b.WriteString("No objects are made: there is nothing to compare.\n")
	} else {
		b.WriteString("Compared, without the objects that Overrides makes and with them:\n")
		writeCounts(&b, []count{
			{p.Compared.Tables, "VirtualServices"},
			{p.Compared.Rules, "DestinationRules"},
			{p.Compared.Callers, "classes of callers"},
			{p.Compared.Domains, "names"},
			{p.Compared.Routes, "routes"},
		})
		b.WriteString("They are equal for ordinary requests.\n")
	}
	writeRefused(&b, p.Refused)
	for _, s := range p.Split {
		fmt.Fprintf(&b, "\n%s: %s keeps requests together, and the pin divides them.\n", s.Host, s.Rule)
	}
	if _, err := io.WriteString(w, b.String()); err != nil || len(p.Services) == 0 {
		return err
	}
	if _, err := io.WriteString(w, "\nThe doors of Services with previews:\n"); err != nil {
		return err
	}
	return Doors(w, p.Services, true)
}

// count is a number and the word for it.
type count struct {
	n    int
	what string
}

func writeCounts(b *strings.Builder, counts []count) {
	label, number := 0, 0
	for _, c := range counts {
		label, number = max(label, len(c.what)), max(number, len(strconv.Itoa(c.n)))
	}
	for _, c := range counts {
		fmt.Fprintf(b, "  %-*s  %*d\n", label, c.what, number, c.n)
	}
}

// writeRefused lists what is left out, by object.
func writeRefused(b *strings.Builder, refused []prove.Failure) {
	if len(refused) == 0 {
		return
	}
	b.WriteString("\nLeft out, or made for fewer callers, because ordinary requests would change:\n")
	var of diag.Object
	for _, f := range refused {
		if f.Object != of {
			of = f.Object
			fmt.Fprintf(b, "  %s\n", of)
		}
		fmt.Fprintf(b, "    %s\n", f)
	}
}
