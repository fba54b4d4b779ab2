package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says how far a diagnostic reaches.
type Severity int

const (
	// Info needs no action.
	Info Severity = iota
	// Warning means that something that was asked for is not in force, or only in part.
	Warning
	// Error means that a part of the input could not be used.
	Error
)

// String returns the lower-case name of s: "info", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText encodes s by its name, so that JSON output reads well.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Object names a Kubernetes object. The zero Object is the input as a whole.
type Object struct {
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// KubernetesGateway is the Kind of Gateways of the Gateway API, which Gateways of Istio share
// in manifests.
const KubernetesGateway = "KubernetesGateway"

// String returns "Kind namespace/name", leaving out what is empty.
func (o Object) String() string {
	if o.Kind == KubernetesGateway {
		o.Kind = "Gateway (gateway.networking.k8s.io)"
	}
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}

// Compare orders objects by kind, namespace and name.
func (o Object) Compare(p Object) int {
	return cmp.Or(cmp.Compare(o.Kind, p.Kind), cmp.Compare(o.Namespace, p.Namespace), cmp.Compare(o.Name, p.Name))
}

// Origin is the place a document was read from. Document and Line count from
// one; zero means unknown. A cluster's objects have the zero Origin.
type Origin struct {
	File     string `json:"file,omitempty"`
	Document int    `json:"document,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// String returns "file:line (document N)", leaving out what is unknown.
func (o Origin) String() string {
	s := o.File
	if o.Line > 0 {
		s += fmt.Sprintf(":%d", o.Line)
	}
	if o.Document > 1 {
		s += fmt.Sprintf(" (document %d)", o.Document)
	}
	return s
}

// Diagnostic is one finding about the input.
type Diagnostic struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Object   Object   `json:"object,omitzero"`
	Origin   Origin   `json:"origin,omitzero"`
	// Message describes the finding in one line.
	Message string `json:"message"`
	// Fix is the advice; empty if nothing needs to be done.
	Fix string `json:"fix,omitempty"`

	// Target is the other object that the message names, for example the Service that a
	// policy is for. Programs compare it; it is not printed.
	Target Object `json:"-"`
	// Covers is the code of a diagnostic about Target, or about Object where there is no
	// Target, that has the same cause. [Fold] leaves that one out; it is not printed.
	Covers Code `json:"-"`
	// List is the list request that was refused, for the code Forbidden. Programs
	// compare it; it is not printed.
	List List `json:"-"`
}

// List names the objects that a list request asks for.
type List struct {
	Group, Resource string
	// Namespace is empty for all namespaces, and for kinds that are in none.
	Namespace string
}

// New returns a diagnostic with the severity and the fix that the list of
// codes gives to code, and a message made from format and args.
func New(code Code, object Object, format string, args ...any) Diagnostic {
	entry := code.Entry()
	return Diagnostic{
		Code:     code,
		Severity: entry.Severity,
		Object:   object,
		Message:  fmt.Sprintf(format, args...),
		Fix:      entry.Fix,
	}
}

// WithFix returns d with a fix that fits this case better than the general one.
func (d Diagnostic) WithFix(format string, args ...any) Diagnostic {
	d.Fix = fmt.Sprintf(format, args...)
	return d
}

// At returns d with the place its object was read from.
func (d Diagnostic) At(origin Origin) Diagnostic {
	d.Origin = origin
	return d
}

// For returns d with the other object that its message names.
func (d Diagnostic) For(target Object) Diagnostic {
	d.Target = target
	return d
}

// String returns d as one or two lines for people:
//
//	shop.yaml:12: warning: Service shop/reviews: no released version [ReleasedVersionUnknown]
//	  fix: annotate the Service with overrides.mesh/released
func (d Diagnostic) String() string {
	var b strings.Builder
	if place := d.Origin.String(); place != "" {
		b.WriteString(place + ": ")
	}
	b.WriteString(d.Severity.String() + ": ")
	if object := d.Object.String(); object != "" {
		b.WriteString(object + ": ")
	}
	fmt.Fprintf(&b, "%s [%s]", d.Message, d.Code)
	if d.Fix != "" {
		b.WriteString("\n  fix: " + d.Fix)
	}
	return b.String()
}

// Sort orders diagnostics by place, object, code and message and drops exact
// repetitions, so that the same input gives the same report.
func Sort(list []Diagnostic) []Diagnostic {
	slices.SortFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Origin.File, b.Origin.File),
			cmp.Compare(a.Origin.Line, b.Origin.Line),
			a.Object.Compare(b.Object),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Fix, b.Fix),
		)
	})
	return slices.Compact(list)
}

// Worst returns the highest severity in list and false if list is empty.
func Worst(list []Diagnostic) (Severity, bool) {
	worst := Info
	for _, d := range list {
		worst = max(worst, d.Severity)
	}
	return worst, len(list) > 0
}
