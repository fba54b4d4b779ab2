package preview

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// state is objects, and what the pipeline makes of them.
type state struct {
	prove.State
	diags []diag.Diagnostic
}

// stateOf runs the pipeline on objects. It calls prepare, if there is one, for the snapshot.
func stateOf(objects *discover.Objects, options model.Options, prepare func(*model.Snapshot)) (*state, error) {
	snapshot, diags := objects.Snapshot(options)
	if prepare != nil {
		prepare(snapshot)
	}
	made, err := generate.From(snapshot)
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return &state{prove.State{Snapshot: snapshot, Result: &made.Result}, slices.Concat(diags, made.Diagnostics)}, nil
}

// check says what a candidate does that it should not; empty if it is right. It adds the
// warnings that the candidate brings about, each of which is reason enough to prefer a
// Service of its own.
func (m *maker) check(before *state, c *candidate) (string, error) {
	objects, err := m.with(c.objects)
	if err != nil {
		return "", err
	}
	after, err := stateOf(objects, m.Snapshot.Options, m.deployed)
	if err != nil {
		return "", err
	}
	m.reason = nil
	switch now := resultOf(after, m.service()); {
	case now.State == compile.Skipped:
		d := leftAlone(m.Base, now)
		m.reason = &d
		return d.Message, nil
	case !m.isRoutable(after):
		m.reason = m.notPermitted(after)
		return "no override would reach it", nil
	}
	difference := prove.Changes(before.State, after.State)
	switch {
	case len(difference.Changes) > 0:
		change := difference.Changes[0]
		return fmt.Sprintf("otherwise, at %s, %s", change.Host, change.Change), nil
	case len(difference.Opened) > 0:
		door := difference.Opened[0].Door
		return fmt.Sprintf("otherwise ordinary requests would reach it through %s %s", door.Kind, door.Name), nil
	}
	c.warnings = newWarnings(before, after)
	if len(c.objects) == 1 && len(c.warnings) > 0 {
		return c.warnings[0].Message, nil
	}
	return "", nil
}

// with returns the objects before with some more, which take the place of Services of their
// names.
func (m *maker) with(more []Object) (*discover.Objects, error) {
	out := *m.before
	out.Workloads = slices.Clone(out.Workloads)
	out.Services = slices.DeleteFunc(slices.Clone(out.Services), func(s *corev1.Service) bool {
		return slices.ContainsFunc(more, func(o Object) bool { return o.Kind == "Service" && o.Namespace == s.Namespace && o.Name == s.Name })
	})
	for _, object := range more {
		document, err := json.Marshal(object.Content)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", object.Object, err)
		}
		parsed := discover.Parse(document, m.Home, diag.Origin{})
		if len(parsed.Diagnostics) > 0 {
			return nil, fmt.Errorf("read %s: %s", object.Object, parsed.Diagnostics[0].Message)
		}
		switch x := parsed.Only().(type) {
		case *discover.Workload:
			out.Workloads = append(out.Workloads, x)
		case *corev1.Service:
			out.Services = append(out.Services, x)
		}
	}
	return &out, nil
}

// deployed makes the pods of the preview ready in a snapshot.
func (m *maker) deployed(snapshot *model.Snapshot) {
	for i := range snapshot.Services {
		s := &snapshot.Services[i]
		for j := range s.Backends {
			if b := &s.Backends[j]; s.Namespace == m.Home && (b.Workload == model.Workload{Kind: "Deployment", Name: m.name}) {
				b.Pods, b.Ready, b.Wanted = m.Replicas, m.Replicas, m.Replicas
			}
		}
	}
}

func resultOf(s *state, service diag.Object) *compile.Service {
	at := slices.IndexFunc(s.Result.Services, func(r compile.Service) bool { return r.Object() == service })
	return &s.Result.Services[at]
}

// isRoutable reports whether a route leads to the version.
func (m *maker) isRoutable(s *state) bool {
	version := route.Version{Service: m.Service, Namespace: m.Namespace, Version: m.Version}
	return slices.ContainsFunc(s.Result.Tables, func(t route.Table) bool {
		return slices.ContainsFunc(t.Routes, func(r route.Route) bool {
			return r.Kind == route.Override && r.Version == version && len(r.Destinations) > 0
		})
	})
}

// notPermitted returns the diagnostic that says that the Service does not permit a version in
// the namespace of the preview; nil if there is none.
func (m *maker) notPermitted(s *state) *diag.Diagnostic {
	own := diag.Object{Kind: "Service", Namespace: m.Home, Name: m.serviceName}
	at := slices.IndexFunc(s.diags, func(d diag.Diagnostic) bool { return d.Code == diag.PreviewNotPermitted && d.Object == own })
	if at < 0 {
		return nil
	}
	d := s.diags[at]
	d.Severity = diag.Error // here it is why there is nothing to print
	return &d
}

// newWarnings lists the warnings and errors of one state that another does not have.
func newWarnings(before, after *state) []diag.Diagnostic {
	return slices.DeleteFunc(slices.Clone(after.diags), func(d diag.Diagnostic) bool {
		return d.Severity == diag.Info || slices.ContainsFunc(before.diags, func(o diag.Diagnostic) bool {
			return o.Code == d.Code && o.Object == d.Object
		})
	})
}
