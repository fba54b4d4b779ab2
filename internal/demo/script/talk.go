package script

import (
	"net/http"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// Request is a client's request to a Service of the sample chain.
type Request struct {
	// Service is the name of the first one, "service-1".
	Service string
	Method  string
	// Header has the override, as one line or several.
	Header http.Header
	// From is the workload that sends it, "service-2-v1"; empty for the client.
	From string
}

// Response is the response to a request.
type Response struct {
	Status int
	Header http.Header
	Answer chain.Answer
}

// Step is one request and its expected result.
type Step struct {
	Title   string
	Request Request
	// Path is the expected path, in the form of [chain.Answer.Path].
	Path []string
	// Status is 200 if it is not set.
	Status int
}

const header = "X-Override"

// path returns the path through the chain on which the named services run another version
// than v1.
func path(others ...string) []string {
	out := []string{"service-1:v1", "service-2:v1", "service-3:v1", "service-4:v1", "service-5:v1", "db-shim:v1"}
	for _, other := range others {
		for i := range out {
			if name := other[:len(other)-len(":v1")]; out[i] == name+":v1" {
				out[i] = other
			}
		}
	}
	return out
}

// Talk returns the steps of the scripted demo, for the chain in examples/chain.
func Talk() []Step {
	get := func(service string, override ...string) Request {
		r := Request{Service: service, Method: http.MethodGet, Header: http.Header{}}
		if len(override) > 0 {
			r.Header[header] = override
		}
		return r
	}
	sink := get("service-1", "db-shim:v2;method=POST")
	write := sink
	write.Method = http.MethodPost
	return []Step{
		{Title: "Ordinary requests reach the released versions: v1, everywhere", Request: get("service-1"), Path: path()},
		{Title: "One header, and service-3 is v2, for this request alone", Request: get("service-1", "service-3:v2"), Path: path("service-3:v2")},
		{Title: "Several services at a time", Request: get("service-1", "service-3:v2, service-5:v2"), Path: path("service-3:v2", "service-5:v2")},
		{Title: "The same, in two headers", Request: get("service-1", "service-3:v2", "service-5:v2"), Path: path("service-3:v2", "service-5:v2")},
		{Title: "Sink to test: reads still go to the real database's shim …", Request: sink, Path: path()},
		{Title: "… and writes to the shim that throws them away", Request: write, Path: path("db-shim:v2")},
		{Title: "A condition: only when caller-a calls …", Request: get("caller-a", "shared:v2;from=caller-a"), Path: []string{"caller-a:v1", "shared:v2"}},
		{Title: "… and not when caller-b does", Request: get("caller-b", "shared:v2;from=caller-a"), Path: []string{"caller-b:v1", "shared:v1"}},
		{Title: "A version that does not exist: the released one serves", Request: get("service-1", "service-3:v9"), Path: path()},
		{
			Title: "Strict: an error instead of another version", Request: get("service-1", "service-3:v9;strict"),
			Path: []string{"service-1:v1", "service-2:v1", "service-3!503"}, Status: http.StatusServiceUnavailable,
		},
	}
}
