package trail

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Trail is the way of one request: the calls that were made for it, as a tree.
type Trail struct {
	// Mark, TraceID and RequestID are those of the first record that has them.
	Mark      string `json:"mark,omitempty"`
	TraceID   string `json:"traceId,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// Roots are the calls whose callers sent no record, by time: the first call of a client
	// without a proxy, and calls that the records do not connect with others.
	Roots []*Hop `json:"roots"`
}

// Hop is one call.
type Hop struct {
	// Out is what the caller's proxy says of the call, and In what that of the called pod says;
	// one of them is nil if it sent no record. The record of a gateway is In of the call that
	// it received, and Out of the one that it made.
	Out *Record `json:"out,omitempty"`
	In  *Record `json:"in,omitempty"`
	// Tries are the attempts before the last one, if their pods sent records. No record names
	// the connections of these attempts: they are those of the same caller and request in
	// the meantime.
	Tries []*Hop `json:"tries,omitempty"`
	// Calls are those that the called pod made for this one, by time.
	Calls []*Hop `json:"calls,omitempty"`
	// Uncertain is set if the called pod handled several calls of the request at that time and
	// the records do not say which of them led to this one, or if it made this one after it
	// had answered.
	Uncertain bool `json:"uncertain,omitempty"`

	parent *Hop
}

// Parent returns the call for which the caller made this one; nil for a root.
func (h *Hop) Parent() *Hop { return h.parent }

// All lists the calls of t, callers first, with all tries.
func (t *Trail) All() []*Hop {
	var out []*Hop
	for _, r := range t.Roots {
		out = r.all(out)
	}
	return out
}

// Complete reports whether the records of t are connected, and both ends of each call that was
// answered by a pod with a proxy are known. Records may still be missing at the end of a branch.
func (t *Trail) Complete() bool {
	if len(t.Roots) > 1 {
		return false
	}
	return !slices.ContainsFunc(t.All(), func(h *Hop) bool { return h.In == nil && h.Out.Served != (Workload{}) && h.Out.Status != 0 })
}

func (h *Hop) all(out []*Hop) []*Hop {
	out = append(out, h)
	for _, c := range slices.Concat(h.Tries, h.Calls) {
		out = c.all(out)
	}
	return out
}

// Start is when the call began, by the first proxy that saw it.
func (h *Hop) Start() time.Time { return h.first().Start }

// first returns the record of the proxy that saw the call first.
func (h *Hop) first() *Record {
	if h.Out != nil {
		return h.Out
	}
	return h.In
}

// last returns the record of the proxy nearest to the program that was called.
func (h *Hop) last() *Record {
	if h.In != nil {
		return h.In
	}
	return h.Out
}

// mark returns the mark that the call has; empty for none.
func (h *Hop) mark() string {
	for _, r := range []*Record{h.Out, h.In} {
		if r != nil && r.Mark != "" {
			return r.Mark
		}
	}
	return ""
}

// end is when the response of the request was complete.
func (r *Record) end() time.Time { return r.Start.Add(r.Duration) }

// receives reports whether the proxy handles the call as the one that is called.
func (r *Record) receives() bool { return r.Side == Inbound || r.Side == Gateway }

// sends reports whether the proxy decided about a call. A program's own call is always one; a
// gateway may answer a request itself.
func (r *Record) sends() bool {
	return r.Side == Outbound || r.Side == Gateway && (r.Upstream.To != "" || r.Attempts > 0 || rowService(r.Route) != "" || r.lacksUpstream())
}

// lacksUpstream reports whether there was nothing to send the request to: no cluster (NC), no
// healthy pod (UH), or none that could be connected to (UF).
func (r *Record) lacksUpstream() bool {
	return slices.ContainsFunc(r.Flags, func(f string) bool { return f == "NC" || f == "UH" || f == "UF" })
}

// addressOf returns the IP address in "IP:PORT"; the text itself if it is none.
func addressOf(hostPort string) string {
	if a, err := netip.ParseAddrPort(hostPort); err == nil {
		return a.Addr().String()
	}
	return hostPort
}

// podOf identifies the pod of a proxy.
func podOf(r *Record) [2]string { return [2]string{r.Proxy.Namespace, r.Proxy.Pod} }

func byStart(a, b *Hop) int {
	return cmp.Or(a.Start().Compare(b.Start()), strings.Compare(a.first().ID, b.first().ID))
}
