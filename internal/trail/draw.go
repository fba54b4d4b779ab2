package trail

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/picture"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Report is a trail with the verdicts about it. Trail is nil if there is no record.
type Report struct {
	Trail    *Trail
	Verdicts []Verdict
	// VersionLabel is the label of pods that has the version.
	VersionLabel string
}

// Text writes the tree of calls, and a line for each member.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	if t := r.Trail; t != nil {
		b.WriteString(t.title() + "\n")
		for _, root := range t.Roots {
			r.tree(&b, root, "", "")
		}
	}
	if r.Trail != nil && len(r.Verdicts) > 0 {
		b.WriteString("\n")
	}
	for _, v := range r.Verdicts {
		b.WriteString(v.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// title names the request by its IDs.
func (t *Trail) title() string {
	var ids []string
	for _, id := range []struct{ name, value string }{{"request", t.RequestID}, {"trace", t.TraceID}, {"mark", t.Mark}} {
		if id.value != "" {
			ids = append(ids, id.name+" "+id.value)
		}
	}
	return strings.Join(ids, ", ")
}

// String returns v as one line.
func (v Verdict) String() string {
	if v.Honoured {
		return fmt.Sprintf("✓ %s: %s", v.Member, v.Message)
	}
	return fmt.Sprintf("✗ %s: %s [%s]", v.Member, v.Message, v.Reason)
}

// tree writes a call and those below it. first and rest begin its first line and the others.
func (r *Report) tree(b *strings.Builder, h *Hop, first, rest string) {
	b.WriteString(first + r.line(h) + "\n")
	below := slices.Concat(h.Tries, h.Calls)
	for i, c := range below {
		if i == len(below)-1 {
			r.tree(b, c, rest+"└─ ", rest+"   ")
		} else {
			r.tree(b, c, rest+"├─ ", rest+"│  ")
		}
	}
}

// line describes one call.
func (r *Report) line(h *Hop) string {
	v := r.view(h)
	out := v.Called
	if v.Version != "" {
		out += ":" + v.Version
	}
	switch {
	case v.Pod != "":
		out += " (pod " + v.Pod + ")"
	case v.Workload != "":
		out += " (workload " + v.Workload + ")"
	}
	switch {
	case h.Out == nil && h.parent != nil:
		out = "earlier attempt: " + out
	case h.Out == nil && r.Trail.Roots[0] != h:
		out = "called from somewhere: " + out
	case h.Out != nil && h.parent == nil:
		out = h.Caller() + " → " + out
	}
	out += ": " + v.answer()
	if v.Row != "" {
		out += ", row " + v.Row
	}
	if v.Attempts > 1 {
		out += fmt.Sprintf(", %d attempts", v.Attempts)
	}
	if h.Uncertain {
		out += ", most likely from here"
	}
	return out
}

// View is one call for programs.
type View struct {
	Caller    string `json:"caller"`
	Called    string `json:"called"`
	Namespace string `json:"namespace,omitempty"`
	Version   string `json:"version,omitempty"`
	Workload  string `json:"workload,omitempty"`
	Pod       string `json:"pod,omitempty"`
	// Row is the row that took the request in the caller's proxy, Header the override that the
	// proxy nearest to the called program saw.
	Row    string   `json:"row,omitempty"`
	Header string   `json:"header,omitempty"`
	Method string   `json:"method,omitempty"`
	Path   string   `json:"path,omitempty"`
	Status uint32   `json:"status,omitempty"`
	Flags  []string `json:"flags,omitempty"`
	// Milliseconds is the duration, by the first proxy that saw the call.
	Milliseconds float64 `json:"milliseconds"`
	Attempts     uint32  `json:"attempts,omitempty"`
	// Fallback is set if a row of a version led to another one, and Unavailable if the proxy
	// answered since the version could not serve.
	Fallback    bool `json:"fallback,omitempty"`
	Unavailable bool `json:"unavailable,omitempty"`
	Uncertain   bool `json:"uncertain,omitempty"`

	Tries []View `json:"tries,omitempty"`
	Calls []View `json:"calls,omitempty"`
}

// view describes a call without those below it.
func (r *Report) view(h *Hop) View {
	record := h.first()
	_, namespace := h.Service()
	workload, in := h.Workload()
	v := View{
		Caller: h.Caller(), Called: h.Called(), Namespace: namespace, Version: h.Version(r.VersionLabel), Workload: workload, Pod: h.Pod(),
		Header: h.last().Header, Method: record.Method, Path: record.Path, Status: record.Status, Flags: record.Flags,
		Milliseconds: float64(record.Duration) / float64(time.Millisecond), Uncertain: h.Uncertain,
	}
	if h.In != nil {
		v.Namespace = in
	}
	if h.Out != nil {
		v.Row, v.Attempts = h.Out.Route, h.Out.Attempts
		v.Unavailable = strings.HasPrefix(h.Out.Route, string(route.Unavailable)+".")
		name, _ := h.Service()
		asked := rowVersion(h.Out.Route, name, h.Out.members())
		v.Fallback = asked != "" && v.Version != "" && v.Version != asked && !h.isolated(name)
	}
	return v
}

// answer says how the call ended.
func (v *View) answer() string {
	out := "no answer"
	if v.Status != 0 {
		out = fmt.Sprint(v.Status)
	}
	if len(v.Flags) > 0 {
		out += " (" + strings.Join(v.Flags, ", ") + ")"
	}
	out += fmt.Sprintf(" in %.4gms", v.Milliseconds)
	switch {
	case v.Fallback:
		out += ", fell back"
	case v.Unavailable:
		out += ", unavailable"
	}
	return out
}

// views describes a call with all below it.
func (r *Report) views(h *Hop) View {
	v := r.view(h)
	for _, t := range h.Tries {
		v.Tries = append(v.Tries, r.views(t))
	}
	for _, c := range h.Calls {
		v.Calls = append(v.Calls, r.views(c))
	}
	return v
}

// JSON writes r as one object on one line.
func (r *Report) JSON(w io.Writer) error {
	out := struct {
		RequestID string    `json:"requestId,omitempty"`
		TraceID   string    `json:"traceId,omitempty"`
		Mark      string    `json:"mark,omitempty"`
		Hops      []View    `json:"hops"`
		Members   []Verdict `json:"members"`
	}{Hops: []View{}, Members: r.Verdicts}
	if t := r.Trail; t != nil {
		out.RequestID, out.TraceID, out.Mark = t.RequestID, t.TraceID, t.Mark
		for _, root := range t.Roots {
			out.Hops = append(out.Hops, r.views(root))
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}

// nodes are the boxes of the picture: what made the first call, and what each call reached.
func (r *Report) nodes() []picture.Node {
	if r.Trail == nil {
		return nil
	}
	var out []picture.Node
	var add func(h *Hop, from int)
	add = func(h *Hop, from int) {
		v := r.view(h)
		n := picture.Node{Name: v.Called, From: from, Edge: v.Row, Detail: strings.TrimPrefix(v.Version+", "+v.answer(), ", ")}
		switch {
		case v.Unavailable || v.Fallback:
			n.Style = picture.Refused
		case strings.HasPrefix(v.Row, string(route.Override)+"."):
			n.Style = picture.Overridden
		case h.Out == nil && h.parent != nil:
			n.Edge, n.Style = "earlier attempt", picture.Unreached
		}
		out = append(out, n)
		at := len(out) - 1
		for _, t := range h.Tries {
			add(t, from)
		}
		for _, c := range h.Calls {
			add(c, at)
		}
	}
	for _, root := range r.Trail.Roots {
		out = append(out, picture.Node{Name: root.Caller(), From: -1})
		add(root, len(out)-1)
	}
	return out
}

// Mermaid writes the tree of calls as a Mermaid flowchart.
func (r *Report) Mermaid(w io.Writer) error { return picture.Mermaid(w, r.nodes()) }

// DOT writes the tree of calls in Graphviz's language.
func (r *Report) DOT(w io.Writer) error { return picture.DOT(w, r.nodes()) }
