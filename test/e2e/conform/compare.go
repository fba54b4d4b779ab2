package conform

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Observation is a data plane's reaction to a case.
type Observation struct {
	Status int
	// Header is the answer's, by lower-case name.
	Header map[string][]string
	// Server gave the answer; its ID is empty if the proxy did. Its Port is 0 if the
	// stage has one for all.
	Server Server
	// Method, Path, Host and Seen are the request as the server saw it.
	Method, Path, Host string
	Seen               map[string][]string
	// Body is the beginning of an answer that came from no server.
	Body    string
	Elapsed time.Duration
}

// Outcome is o in the form of Want: the server, or the status with its details:
//
//	cart-v2                 that workload answered
//	503 cart.shop           the proxy answered, as it does for a strict override
//	301 http://there/       and the target of a redirect
//	404
func (w *World) Outcome(o *Observation) string {
	if o.Server.ID != "" {
		return w.server(o.Server)
	}
	return proxyOutcome(o.Status, first(o.Header["x-override-error"]), first(o.Header["location"]))
}

// Outcomes lists the possible outcomes.
func (w *World) Outcomes(e *Expectation) []string {
	if len(e.Servers) == 0 {
		return []string{proxyOutcome(e.Status, e.ErrorHeader, e.Location)}
	}
	var out []string
	for _, s := range e.Servers {
		out = append(out, w.server(s))
	}
	return slices.Compact(out)
}

func (w *World) server(s Server) string {
	namespace, name, _ := strings.Cut(s.ID, "/")
	return w.short(name, namespace)
}

func proxyOutcome(status int, why, location string) string {
	service, _, _ := strings.Cut(why, ":")
	return strings.TrimSpace(fmt.Sprint(status) + " " + service + location)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Compare lists the differences between o and the expectation.
func (e *Expectation) Compare(o *Observation) []string {
	var out []string
	differ := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			out = append(out, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	differ("status", o.Status, e.Status)
	differ("x-override-error", first(o.Header["x-override-error"]), e.ErrorHeader)
	differ("location", first(o.Header["location"]), e.Location)
	// Proxies' clocks have a resolution of milliseconds, and are not in step with ours.
	if o.Elapsed < e.AtLeast*9/10 {
		out = append(out, fmt.Sprintf("it took %v, want %v at least", o.Elapsed, e.AtLeast))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Response)) {
		differ("answer's header "+name, joined(o.Header[name]), joined(e.Response[name]))
	}
	if o.Server.ID == "" {
		if len(e.Servers) > 0 {
			out = append(out, fmt.Sprintf("the proxy answered %q, want one of %v", o.Body, e.Servers))
		}
		return out
	}
	if !slices.ContainsFunc(e.Servers, o.Server.is) {
		out = append(out, fmt.Sprintf("%v answered, want one of %v", o.Server, e.Servers))
	}
	differ("path at the workload", o.Path, e.Path)
	differ("host at the workload", o.Host, e.Host)
	for _, name := range slices.Sorted(maps.Keys(e.Request)) {
		differ("header "+name+" at the workload", joined(o.Seen[name]), joined(e.Request[name]))
	}
	return out
}

// is reports whether s, as observed, is another, as expected.
func (s Server) is(expected Server) bool {
	return s.ID == expected.ID && (s.Port == 0 || s.Port == expected.Port)
}

// joined is a header as one value, since proxies may or may not join its lines.
func joined(values []string) string {
	if values == nil {
		return "not there"
	}
	return fmt.Sprintf("%q", strings.Join(values, ","))
}
