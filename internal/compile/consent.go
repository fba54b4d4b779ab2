package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// previewNamespaces is the annotation by which a Service permits isolated versions in other
// namespaces.
const previewNamespaces = "overrides.mesh/preview-namespaces"

// refusal returns the diagnostic that says that base does not permit s, of another namespace,
// to be a version of it; nil if it does. Only the settings of base count: nothing in the
// namespace of s can permit it.
func refusal(ix *index, s, base *given) *diag.Diagnostic {
	if s.Namespace == base.Namespace {
		return nil
	}
	labels := ix.namespaceLabels(s.Namespace)
	permitted, known := base.settings.Previews.Permits(s.Namespace, labels)
	if permitted {
		return nil
	}
	why := fmt.Sprintf("which permits none in namespace %s", s.Namespace)
	fix := fmt.Sprintf("permit it in namespace %s: set spec.previews.namespaces in an OverridePolicy for Service %s, or annotate that Service with %s: %s", base.Namespace, base.Name, previewNamespaces, s.Namespace)
	switch {
	case base.settings.Previews == nil:
		why = "which permits none in other namespaces"
	case !known:
		why = fmt.Sprintf("which permits them by labels of namespaces, and those of namespace %s are not known", s.Namespace)
		fix = fmt.Sprintf("read Namespace %s too (a manifest, or the right to list namespaces), or select it by the label %s", s.Namespace, model.NamespaceNameLabel)
	}
	d := diag.New(diag.PreviewNotPermitted, s.Object(), "it is annotated as a version of Service %s of namespace %s, %s: no route leads to it", base.Name, base.Namespace, why).
		WithFix("%s", fix).For(base.Object()).At(s.Origin)
	return &d
}

// reportRefused reports to each Service the namespaces that have versions of it which it does
// not permit.
func reportRefused(refused map[*service][]string, r *reporter) {
	for base, namespaces := range refused {
		namespaces = distinct(namespaces)
		r.add(diag.New(diag.PreviewsRefused, base.Object(), "%s %s %s, which it does not permit: no route leads there",
			agree(namespaces, "namespace", "namespaces"), enumerate(namespaces), agree(namespaces, "has a Service annotated as a version of it", "have Services annotated as versions of it")).At(base.Origin))
	}
}

// hidden returns the diagnostic that says that not all callers of base know s, of another
// namespace; nil if they do. The table of base would have to be kept from the others, and
// their ordinary requests would no longer be pinned: nothing in another namespace may cause
// that, so such a version has no routes at all.
func hidden(ix *index, s, base *given) *diag.Diagnostic {
	of, wanted := ix.mesh.Service(s.host).Scope(), ix.mesh.Service(base.host).Scope()
	if s.Namespace == base.Namespace || of.Public || !wanted.Public && !slices.ContainsFunc(wanted.Namespaces, func(n string) bool { return !of.Includes(n) }) {
		return nil
	}
	to, fix := "no namespace", "*"
	if len(of.Namespaces) > 0 {
		to = agree(of.Namespaces, "namespace ", "namespaces ") + enumerate(of.Namespaces) + " only"
	}
	if !wanted.Public {
		fix = strings.Join(wanted.Namespaces, ",")
	}
	d := diag.New(diag.IsolatedUnreachable, s.Object(), "it is exported to %s, and Service %s of namespace %s to more: no route leads to it", to, base.Name, base.Namespace).
		WithFix("annotate it with networking.istio.io/exportTo: %q", fix).At(s.Origin)
	return &d
}
