package explain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Query asks where a request goes.
type Query struct {
	// Chain names the services in the order of the calls: "service", "service.namespace"
	// or a whole host. One name asks about one hop.
	Chain []string
	// Namespace is used for names without one. If it has no Service of that name, the
	// only Service of that name in another namespace is used, unless Only is set.
	Namespace string
	Only      bool
	// From names the workload that makes the first call: "name",
	// "name.namespace" or "namespace/name"; empty for any.
	From string
	// Header holds the request's headers by lower-case name, line by line. Each service
	// is assumed to forward them.
	Header map[string][]string
	// Method, Path and Scheme are those of the request. Authority is the name of each
	// service if it is empty.
	Method, Path, Scheme, Authority string
	// Port is the port of each called service, and PortName its name if Port is zero.
	// Without either, it is the first port that carries HTTP.
	Port     uint32
	PortName string
	// Time is when the request is sent: a token may have expired.
	Time time.Time
}

// Explanation is the answer to a [Query].
type Explanation struct {
	Hops []Hop `json:"hops"`
	// Unreached names the services of the chain that the request does not reach.
	Unreached []string `json:"unreached,omitempty"`
	Notes     []Note   `json:"notes,omitempty"`
}

// Note is a remark about the request.
type Note struct {
	Severity diag.Severity `json:"severity"`
	Message  string        `json:"message"`
	Fix      string        `json:"fix,omitempty"`
}

// Hop is one call of the chain.
type Hop struct {
	Caller    string `json:"caller"`
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	Host      string `json:"host"`
	Port      uint32 `json:"port,omitempty"`
	// Reached is a short form of the destination: "v2", "503", …
	Reached string `json:"reached"`
	// Table is the VirtualService whose rows decide, or KubernetesGateway the Gateway of the
	// Gateway API; empty if there is none.
	Table             string `json:"virtualService,omitempty"`
	KubernetesGateway string `json:"kubernetesGateway,omitempty"`
	// Route and Kind are those of the row that takes the request.
	Route string     `json:"route,omitempty"`
	Kind  route.Kind `json:"kind,omitempty"`
	// Gateway is set if a gateway makes the call.
	Gateway *Arrival `json:"gateway,omitempty"`
	// Sidecar is set if the sidecar of the caller takes overrides from tokens alone.
	Sidecar *Arrival `json:"sidecar,omitempty"`
	Rows    []Row    `json:"rows,omitempty"`
	// State, Code and Why describe a service without a table.
	State compile.State `json:"state,omitempty"`
	Code  diag.Code     `json:"code,omitempty"`
	Why   string        `json:"why,omitempty"`
	// Destinations are those of the row that takes the request.
	Destinations []route.Destination `json:"destinations,omitempty"`
}

// hasRows reports whether rows of Overrides, or of a Kubernetes Gateway, decide.
func (h *Hop) hasRows() bool { return h.Table != "" || h.KubernetesGateway != "" }

// Row is one row of a route table, evaluated for the request.
type Row struct {
	Name  string     `json:"name"`
	Kind  route.Kind `json:"kind"`
	To    string     `json:"to"`
	Taken bool       `json:"taken"`
	// Fits is set for rows that would take the request if no earlier row did.
	Fits bool   `json:"fits"`
	Why  string `json:"why"`
	// asked is set for rows of a version that the request names.
	asked bool
}

// New answers q from a snapshot and the result of compiling it. An error means that the
// question can't be answered, because a service of the chain does not exist.
func New(snapshot *model.Snapshot, result *compile.Result, q Query) (*Explanation, error) {
	x := newIndex(snapshot, result)
	x.routing = newRouting(snapshot, result)
	chain, err := x.resolveChain(q)
	if err != nil {
		return nil, err
	}
	from, unknown := x.firstCaller(q.From, chain[0].namespace)
	first := x.leave(from, chain[0], &q)
	if first != nil {
		q.Header = first.header
	}
	arrival, err := x.arrive(chain[0], &q)
	if err != nil {
		return nil, err
	}
	if arrival != nil {
		from, unknown, q.Header = chain[0].gateway, nil, arrival.header
	}
	carried, notes := x.readCarriers(q.Header)
	out := &Explanation{Notes: append(x.noteNone(carried, notes, cmp.Or(arrival, first)), checkMethod(q.Method)...)}
	if unknown != nil {
		out.Notes = append(out.Notes, *unknown)
	}
	for i, t := range chain {
		e := evaluation{index: x, target: t, query: &q, carried: carried, caller: from}
		if i == 0 {
			e.arrival, e.departure = arrival, first
			e.carried = carried.at(from)
		} else if e.departure = x.leave(from, t, &q); e.departure != nil {
			q.Header = e.departure.header
			carried, _ = x.readCarriers(q.Header)
			e.carried = carried
		}
		hop, next, err := e.hop()
		if err != nil {
			return nil, err
		}
		q.Header, carried = e.passedOn(q.Header, carried)
		out.Hops, out.Notes = append(out.Hops, hop), append(out.Notes, e.notes...)
		if next == nil {
			for _, missed := range chain[i+1:] {
				out.Unreached = append(out.Unreached, missed.name)
			}
			break
		}
		from = next
	}
	slices.SortStableFunc(out.Notes, func(a, b Note) int { return int(b.Severity) - int(a.Severity) })
	return out, nil
}

// checkMethod notes a method that is most likely misspelt: methods are case-sensitive
// (RFC 9110 §9.1).
func checkMethod(method string) []Note {
	upper := strings.ToUpper(method)
	if upper == method || grammar.ValidateMethod(upper) != nil {
		return nil
	}
	return []Note{note(diag.Warning, "method %s is not %s: methods are case-sensitive; did you mean %s?", method, upper, upper)}
}

func (x *index) resolveChain(q Query) ([]*target, error) {
	if len(q.Chain) == 0 {
		return nil, errors.New("no service to ask about")
	}
	var errs []error
	chain := make([]*target, 0, len(q.Chain))
	for i, name := range q.Chain {
		t, err := x.resolve(name, q.Namespace, q.Only)
		if i == 0 && (err != nil || t.service == nil) {
			host := strings.ToLower(hostOnly(name))
			if gateway, port := x.routing.gatewayOf(host, &q); gateway != nil {
				t, err = &target{name: name, host: host, gateway: gateway, port: port}, nil
			} else if err != nil && strings.Contains(host, ".") && len(x.snapshot.Gateways)+len(x.snapshot.KubernetesGateways) > 0 {
				err = fmt.Errorf("%w, and no gateway has the host %s%s", err, host, x.unserved(host))
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		chain = append(chain, t)
	}
	return chain, errors.Join(errs...)
}

// Worst returns the highest severity among the notes, Info if there are none.
func (e *Explanation) Worst() diag.Severity {
	worst := diag.Info
	for _, n := range e.Notes {
		worst = max(worst, n.Severity)
	}
	return worst
}

// String returns n as one or two lines, in the form of diagnostics.
func (n Note) String() string { return n.Severity.String() + ": " + n.Text() }

// Text returns n like [Note.String], without the severity.
func (n Note) Text() string {
	if n.Fix == "" {
		return n.Message
	}
	return n.Message + "\n  fix: " + n.Fix
}

func note(severity diag.Severity, format string, args ...any) Note {
	return Note{Severity: severity, Message: fmt.Sprintf(format, args...)}
}
