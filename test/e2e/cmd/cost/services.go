package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	namespace = "cost"
	released  = "released"
	// last is the version whose route comes after all others.
	last = "zz-last"
)

// rows says which rows a Service has.
type rows string

const (
	none  rows = "–"
	whole rows = "all"
	// bare is without the row for ordinary requests.
	bare rows = "without the ordinary row"
	// withoutSets is without the rows of sets.
	withoutSets rows = "without sets"
)

// has reports whether the rows include one of the generated ones.
func (r rows) has(row *route.Route) bool {
	switch r {
	case bare:
		return row.Kind != route.Ordinary
	case withoutSets:
		return row.Kind != route.Override || !row.Set
	default:
		return true
	}
}

// service is a Service that is measured.
type service struct {
	name     string
	versions int
	rows     rows
}

func services(counts []int) []service {
	var out []service
	for _, n := range counts {
		if n == 0 {
			out = append(out, service{name: "service-0", rows: none})
			continue
		}
		out = append(out,
			service{name: fmt.Sprintf("service-%d", n), versions: n, rows: whole},
			service{name: fmt.Sprintf("bare-%d", n), versions: n, rows: bare},
			service{name: fmt.Sprintf("plain-%d", n), versions: n, rows: withoutSets})
	}
	return out
}

// manifests returns the Services, and the objects that Overrides generates for them:
// rules with subsets, to apply first, and routes.
func manifests(all []service) (core, rules, routes []byte, err error) {
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{namespace}}
	var text bytes.Buffer
	for _, s := range all {
		selector := "app: server"
		if s.versions == 0 {
			// Without versions there is nothing to pin, and there are no other pods.
			selector += ", version: " + released
		}
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\n"+
			"spec: {selector: {%s}, ports: [{name: http, port: 80, targetPort: 8080}]}\n", s.name, namespace, selector)
		snapshot.Services = append(snapshot.Services, s.model())
	}
	result := compile.Compile(snapshot)
	for i := range result.Tables {
		// Owner is the name of the Service that the object is generated for.
		t := &result.Tables[i]
		of := all[slices.IndexFunc(all, func(s service) bool { return s.name == t.Owner })]
		t.Routes = slices.DeleteFunc(t.Routes, func(r route.Route) bool { return !of.rows.has(&r) })
	}
	objects, _, err := istio.Objects(result.Tables, result.SubsetRules)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("generate: %w", err)
	}
	for _, object := range objects {
		data, err := object.YAML()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("encode %s: %w", object.Name, err)
		}
		out := &rules
		if object.Kind == "VirtualService" {
			out = &routes
		}
		*out = append(append(*out, "---\n"...), data...)
	}
	return text.Bytes(), rules, routes, nil
}

// model returns s with its released version and the wanted number of others. All but the
// last have no pods here, which costs a proxy just as much.
func (s service) model() model.Service {
	out := model.Service{
		Namespace: namespace, Name: s.name, Selector: map[string]string{"app": "server"},
		Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
	}
	versions := []string{released}
	for i := range s.versions - 1 {
		versions = append(versions, fmt.Sprintf("v%d", i+1))
	}
	if s.versions > 0 {
		versions = append(versions, last)
	}
	out.Settings.ReleasedVersions = []string{released}
	for _, version := range versions {
		labels := map[string]string{"app": "server", "version": version}
		out.Backends = append(out.Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: "server-" + version}, Selector: labels, Labels: labels, Pods: 1, Ready: 1,
		})
	}
	return out
}
