package trail

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Forwarding says what a service does with overrides that it gets.
type Forwarding string

// What a service does with overrides.
const (
	// Forwards means that each call that it made for a request with an override had the override.
	Forwards Forwarding = "forwards"
	// Drops means that some such call lacked it.
	Drops Forwarding = "drops"
	// CallsNothing means that no record says that it called anything.
	CallsNothing Forwarding = "nothing came out of it"
)

// Forwarder is what is known of a service that got overrides, for one method.
type Forwarder struct {
	Service   string     `json:"service"`
	Namespace string     `json:"namespace,omitempty"`
	Method    string     `json:"method"`
	Does      Forwarding `json:"does"`
	// Got counts the requests with an override that it got, Calls those that it made for them, and
	// Lost those of the latter that lacked it.
	Got   int `json:"got"`
	Calls int `json:"calls"`
	Lost  int `json:"lost"`
	// To are the services that it called without the override.
	To []string `json:"to,omitempty"`
}

// Forwarders says which services got overrides and what they did with them, by name and method.
// Calls of which records do not say for sure what led to them do not count.
func Forwarders(trails []*Trail) []Forwarder {
	var out []Forwarder
	for _, t := range trails {
		for _, h := range t.All() {
			if h.In == nil || h.In.Side != Inbound || len(h.In.members()) == 0 && h.In.Mark == "" {
				continue
			}
			name, namespace := h.Service()
			at := slices.IndexFunc(out, func(f Forwarder) bool {
				return f.Service == name && f.Namespace == namespace && f.Method == h.In.Method
			})
			if at < 0 {
				at = len(out)
				out = append(out, Forwarder{Service: name, Namespace: namespace, Method: h.In.Method})
			}
			out[at].count(h)
		}
	}
	for i := range out {
		f := &out[i]
		switch {
		case f.Lost > 0:
			f.Does = Drops
		case f.Calls > 0:
			f.Does = Forwards
		default:
			f.Does = CallsNothing
		}
		slices.Sort(f.To)
	}
	slices.SortFunc(out, func(a, b Forwarder) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Method, b.Method))
	})
	return out
}

// count adds a call that reached the service. The mark is passed on as overrides are.
func (f *Forwarder) count(h *Hop) {
	f.Got++
	for _, c := range h.Calls {
		if c.Uncertain {
			continue
		}
		f.Calls++
		if hasAll(c.Out.members(), h.In.members()) && (c.Out.Mark != "" || h.In.Mark == "") {
			continue
		}
		f.Lost++
		if name, _ := c.Service(); !slices.Contains(f.To, name) {
			f.To = append(f.To, name)
		}
	}
}

// String returns f as one line.
func (f Forwarder) String() string {
	name := strings.TrimSuffix(f.Service+"."+f.Namespace, ".")
	switch f.Does {
	case Drops:
		return fmt.Sprintf("✗ %s (%s) does not forward overrides: %d of %d calls lacked them, to %s", name, f.Method, f.Lost, f.Calls, strings.Join(f.To, ", "))
	case Forwards:
		return fmt.Sprintf("✓ %s (%s) forwards overrides: %d of %d calls had them", name, f.Method, f.Calls, f.Calls)
	case CallsNothing:
	}
	return fmt.Sprintf("· %s (%s): nothing came out of it, as far as proxies reported: it calls nothing, or it passes on neither overrides nor traceparent", name, f.Method)
}

// WriteForwarders writes a line for each.
func WriteForwarders(w io.Writer, list []Forwarder) error {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(f.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
