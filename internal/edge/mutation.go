package edge

import (
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// mutation is a change that the filter makes to one header of a request.
type mutation struct {
	header string
	action action
	// value is what the header gets: the texts of extractions, one after the other. Nothing
	// changes if it is empty.
	value []extraction
}

// action says what becomes of a header.
type action int

const (
	// remove removes it.
	remove action = iota
	// replace gives it the value if the request has it.
	replace
	// add adds a line with the value.
	add
	// addMissing gives it the value if the request does not have it.
	addMissing
)

// mutations are the changes of a request's headers, in order. carrier is the name of the
// override header. A preview host and a header that is kept are both followed; a cookie only
// without either.
func (r *Request) mutations(carrier string) []mutation {
	var out []mutation
	if !r.Policy.Keeps() {
		out = append(out, mutation{header: carrier, action: remove})
	}
	if r.Tokens != nil && r.Tokens.Member != "" {
		// The next change removes all of baggage if some member is an override.
		out = append(out, mutation{grammar.TokenHeader(carrier), addMissing, []extraction{ofTokenMember(r.Tokens.Member)}})
	}
	if !r.Policy.Keeps() || r.isGuarded() {
		// A guard does not see overrides in baggage.
		out = append(out, mutation{grammar.BaggageHeader, replace, []extraction{ofBaggage()}})
	}
	if r.Tokens != nil {
		out = append(out, r.Tokens.mutations(carrier)...)
	}
	if len(r.PreviewHosts) > 0 {
		out = append(out, mutation{header: previewHostHeader, action: remove})
	}
	for _, p := range r.PreviewHosts {
		out = append(
			out,
			mutation{carrier, add, []extraction{ofHost(p)}},
			mutation{previewHostHeader, addMissing, []extraction{wholeHost(p)}},
		)
	}
	if r.Cookie != "" {
		out = append(
			out,
			mutation{carrier, addMissing, []extraction{ofCookie(r.Cookie, carrier)}},
			mutation{carrier, addMissing, ofCookieMembers(r.Cookie, carrier)},
		)
	}
	if r.Claims != nil {
		// Envoy may match each line of a header alone (1.40 does), and a pattern for all members
		// must see all of them.
		out = append(out, mutation{carrier, replace, []extraction{{header: carrier, whole: true}}})
	}
	if r.forwarding {
		out = append(out, rides(carrier)...)
	}
	if len(out) == 0 {
		return nil // no filter is needed
	}
	// Proxies make it of tokens, whoever may ask for versions here.
	return append([]mutation{{header: grammar.TokenIDHeader(carrier), action: remove}}, out...)
}

// isProgram reports whether a program makes the change, and isOfLink whether the routes of links do.
// All others are made before a request is routed.
func (m *mutation) isProgram() bool { return len(m.value) == 1 && m.value[0].lua != nil }
func (m *mutation) isOfLink() bool  { return len(m.value) > 0 && m.value[0].page }
