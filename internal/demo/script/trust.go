package script

import (
	"net/http"
	"strings"
)

// Tokens are tokens for "service-3:v2, service-5:v2": one that is valid, one that somebody else
// has signed, and one that has expired.
type Tokens struct{ Valid, Forged, Expired string }

// tokenHeader carries a token.
const tokenHeader = "X-Override-Token"

// Trust returns the steps of the scripted demo in which only tokens count, for the chain in
// examples/chain.
func Trust(t *Tokens) []Step {
	with := func(lines ...string) Request {
		r := Request{Service: "service-1", Method: http.MethodGet, Header: http.Header{}}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		return r
	}
	within := func(lines ...string) Request {
		r := with(lines...)
		r.Service, r.From = "service-3", "service-2-v1"
		return r
	}
	const bare = header + ": service-3:v2"
	other := []string{"service-3:v2", "service-5:v2"}
	return []Step{
		{Title: "Ordinary requests reach the released versions: v1, everywhere", Request: with(), Path: path()},
		{Title: "The bare header is ignored, whoever sends it …", Request: with(bare), Path: path()},
		{Title: "… and so is the other carrier", Request: with("Baggage: override.service-3=v2"), Path: path()},
		{Title: "A token says what its holder may ask for. The services pass only the token on", Request: with(tokenHeader + ": " + t.Valid), Path: path(other...)},
		{Title: "A bare header beside it adds nothing", Request: with(tokenHeader+": "+t.Valid, header+": service-4:v2"), Path: path(other...)},
		{Title: "A forged token: what is released, and no error", Request: with(tokenHeader + ": " + t.Forged), Path: path()},
		{Title: "An expired token: the same", Request: with(tokenHeader + ": " + t.Expired), Path: path()},
		{Title: "A compromised service-2 sets the bare header on its own call: its sidecar ignores it …", Request: within(bare), Path: path()[2:]},
		{Title: "… and follows only a token that the service was given", Request: within(tokenHeader + ": " + t.Valid), Path: path(other...)[2:]},
	}
}
