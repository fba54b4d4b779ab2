package preview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Input is what a preview is made from. It is not changed.
type Input struct {
	Objects  *discover.Objects
	Snapshot *model.Snapshot
	// Result was compiled from Snapshot, and has passed the proof.
	Result *compile.Result
}

// Request says which preview to make.
type Request struct {
	// Service and Namespace name a Service of the snapshot.
	Service, Namespace string
	// Home is the namespace of the preview; empty for that of the Service.
	Home string
	// Version is the name of the version, a valid one.
	Version string
	Image   string
	// Container is the one that gets the image; empty for the one that is most likely meant.
	Container string
	// Isolated asks for a Service of the preview's own.
	Isolated bool
	// Owner says whose preview it is; empty if nobody says.
	Owner string
	// Expires is when it is no longer needed; zero for never.
	Expires  time.Time
	Replicas int
}

// Output is the manifests of a preview.
type Output struct {
	// Objects are in the order in which to apply them; none if the preview is refused.
	Objects []Object
	// Member asks for the preview.
	Member      grammar.Member
	Diagnostics []diag.Diagnostic
}

// Object is a manifest.
type Object struct {
	diag.Object
	Content map[string]any
}

// YAML returns the manifest as a document.
func (o *Object) YAML() ([]byte, error) {
	out, err := yaml.Marshal(o.Content)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Object, err)
	}
	return out, nil
}

// Make returns the manifests of a preview of source, which [Find] has found; documents are
// its [Source.Documents], in JSON. An error is a bug.
func Make(in Input, request Request, source *Source, documents map[diag.Object][]byte) (Output, error) {
	m := &maker{Input: in, Request: request, Source: source, documents: documents}
	m.Home = cmp.Or(m.Home, m.Namespace)
	m.Isolated = m.Isolated || m.isElsewhere()
	m.name = nameOf(source.Workload.Name, request.Version)
	m.serviceName = nameOf(request.Service, request.Version)
	if !m.findExisting() || !m.readTemplate() || !m.setImage() {
		return Output{Diagnostics: diag.Sort(m.diags)}, nil
	}
	aliases := m.aliases()
	var err error
	if m.before, err = m.with(aliases); err != nil {
		return Output{}, err
	}
	chosen, err := m.choose()
	if err != nil {
		return Output{}, err
	}
	out := Output{Member: m.member()}
	if chosen != nil && m.replaces(chosen) {
		m.tell(chosen)
		out.Objects = slices.Concat(aliases, chosen.objects)
	}
	out.Diagnostics = diag.Sort(m.diags)
	return out, nil
}

// maker makes one preview.
type maker struct {
	Input
	Request
	*Source
	documents map[diag.Object][]byte
	// name is that of the preview's workload, serviceName that of a Service of its own.
	name, serviceName string
	// before are the objects without an earlier copy of this preview, but with its aliases.
	before *discover.Objects
	// earlier are what there is of an earlier copy.
	earlier earlier
	// source is the document of the workload, template its pods' template, without what does
	// not fit a copy, and base the document of the Service.
	source, template, base tree
	// apart are the selectors of pods that the released pods don't run beside.
	apart []selector
	// reason is the diagnostic that says why no override would reach the last candidate; nil if
	// there is none.
	reason *diag.Diagnostic
	diags  []diag.Diagnostic
}

// isElsewhere reports whether the preview has a namespace of its own.
func (m *maker) isElsewhere() bool { return m.Home != m.Namespace }

func (m *maker) report(code diag.Code, object diag.Object, format string, args ...any) {
	m.diags = append(m.diags, diag.New(code, object, format, args...))
}

// choose returns the result that does what it should: pods behind the Service if possible,
// else pods behind a Service of their own; nil if there is none.
func (m *maker) choose() (*candidate, error) {
	before, err := stateOf(m.before, m.Snapshot.Options, nil)
	if err != nil {
		return nil, err
	}
	why := m.mustIsolate()
	if why == "" && !m.Isolated {
		var shared *candidate
		if shared, why = m.shared(); shared != nil {
			if why, err = m.check(before, shared); err != nil || why == "" {
				return shared, err
			}
		}
	}
	if m.earlier.taken != nil {
		m.report(diag.PreviewExists, *m.earlier.taken, "it has the name that the Service of the preview would have, and is not version %s of Service %s", m.Version, m.Service)
		return nil, nil
	}
	own, problem := m.isolated()
	if own != nil {
		if problem, err = m.check(before, own); err != nil {
			return nil, err
		}
	}
	switch {
	case problem == "" && why != "" && !m.Isolated:
		m.report(diag.PreviewIsolated, m.service(), "the preview gets a Service of its own: %s", why)
	case problem != "" && m.reason != nil:
		m.diags = append(m.diags, *m.reason)
		return nil, nil
	case problem != "":
		m.report(diag.PreviewNotRoutable, m.service(), "%s", problem)
		return nil, nil
	}
	return own, nil
}

// mustIsolate says why the pods can't be behind the Service, whatever their labels are;
// empty if they may.
func (m *maker) mustIsolate() string {
	switch {
	case m.earlier.service:
		return fmt.Sprintf("Service %s exists", m.serviceName)
	case m.Base.Steered.Is():
		return fmt.Sprintf("%s changes the selector of Service %s", m.Base.Steered, m.Service)
	case m.Base.Headless:
		return fmt.Sprintf("Service %s is headless, so its callers choose among all of its pods", m.Service)
	}
	return ""
}

func (m *maker) service() diag.Object { return m.Base.Object() }

// member asks for the preview. It has the namespace if other namespaces have a Service of
// the name too.
func (m *maker) member() grammar.Member {
	out := grammar.Member{Service: m.Service, Version: m.Version}
	if slices.ContainsFunc(m.Snapshot.Services, func(s model.Service) bool {
		return s.Name == m.Service && s.Namespace != m.Namespace && s.VersionOf == "" && s.ExternalName == ""
	}) {
		out.Namespace = m.Namespace
	}
	return out
}
