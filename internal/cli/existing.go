package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
)

// existing lists the objects of Overrides in the cluster or folder to compare with.
func (a *app) existing(ctx context.Context, o *diffOptions, s *state) ([]istio.Object, error) {
	objects, known, asked := s.objects, s.diags, s.namespace
	var namespaces scope
	if s.namespace != "" {
		namespaces = scope{s.namespace: true}
	}
	switch {
	case o.against != "":
		read, diags, err := a.readFiles(ctx, []string{o.against}, source.FileOptions{Namespace: o.defaultNamespace()})
		if err != nil {
			return nil, fmt.Errorf("--against: %w", err)
		}
		// A folder without any object is valid here.
		diags = slices.DeleteFunc(diags, func(d diag.Diagnostic) bool { return d.Code == diag.EmptyInput })
		a.tell(o.input, diags)
		if hasError(diags) {
			return nil, fmt.Errorf("--against %s: some objects can't be read", o.against)
		}
		objects = read
	case o.fromFiles():
		namespaces = inputNamespaces(s)
		o.cluster.purpose, o.cluster.instead = "to compare with", "overrides diff --against DIR compares with manifests"
		read, diags, err := a.readCluster(ctx, o.input, &asked)
		if err != nil {
			return nil, err
		}
		objects, known = read, diags
	}
	if o.against == "" {
		if hidden := notListed(known, asked, namespaces); hidden != "" {
			return nil, fmt.Errorf("compare with the cluster: %s", hidden)
		}
	}
	return ownObjects(objects, namespaces, s.selected)
}

// scope is the set of namespaces whose objects are compared; nil means all.
type scope map[string]bool

func (s scope) has(namespace string) bool { return s == nil || s[namespace] }

// within reports whether s contains no namespace but one.
func (s scope) within(namespace string) bool {
	return s != nil && (len(s) == 0 || len(s) == 1 && s[namespace])
}

// notListed returns the cluster's reason why objects of Overrides could not be listed in
// the namespaces of a scope, "" if all were listed. If a kind could not be listed in all
// namespaces, it was listed in the namespace that was asked for.
func notListed(list []diag.Diagnostic, asked string, namespaces scope) string {
	for i := range list {
		d := &list[i]
		if d.Code != diag.Forbidden || !ownKinds[[2]string{d.List.Group, d.List.Resource}] {
			continue
		}
		namespace := d.List.Namespace
		if (namespace != "" && namespaces.has(namespace)) || (namespace == "" && !namespaces.within(asked)) {
			return d.Message
		}
	}
	return ""
}

// ownKinds are the kinds that Overrides makes objects of, by group and resource.
var ownKinds = map[[2]string]bool{
	{"networking.istio.io", "virtualservices"}:  true,
	{"networking.istio.io", "destinationrules"}: true,
	{model.GatewayAPIGroup, "httproutes"}:       true,
}

// inputNamespaces lists the namespaces of the input that are reported on.
func inputNamespaces(s *state) scope {
	out := scope{}
	for i := range s.snapshot.Services {
		out[s.snapshot.Services[i].Namespace] = true
	}
	for _, o := range s.generated {
		out[o.Namespace] = true
	}
	maps.DeleteFunc(out, func(namespace string, _ bool) bool { return s.namespace != "" && namespace != s.namespace })
	return out
}

// ownObjects returns the objects that Overrides made in the namespaces of a scope, for
// the selected Services, without fields that a server fills in.
func ownObjects(objects *discover.Objects, namespaces scope, selected *selection) ([]istio.Object, error) {
	var out []istio.Object
	add := func(kind string, meta metadata, value any, unknown []string) error {
		if meta.GetLabels()[istio.ManagedByLabel] != istio.ManagedBy || !namespaces.has(meta.GetNamespace()) {
			return nil
		}
		name := diag.Object{Kind: kind, Namespace: meta.GetNamespace(), Name: meta.GetName()}
		if !selected.object(name, meta.GetLabels()[istio.OwnerLabel]) {
			return nil
		}
		data, err := normalized(name, value, unknown)
		out = append(out, istio.Object{Object: name, JSON: data})
		return err
	}
	for _, v := range objects.VirtualServices {
		if err := add("VirtualService", v, v.VirtualService, v.Unknown); err != nil {
			return nil, err
		}
	}
	for _, d := range objects.DestinationRules {
		if err := add("DestinationRule", d, d.DestinationRule, d.Unknown); err != nil {
			return nil, err
		}
	}
	for _, r := range objects.OwnRoutes {
		if err := add(istio.HTTPRouteKind, r, json.RawMessage(r.JSON), nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// metadata is the part of an object that says who made it.
type metadata interface {
	GetLabels() map[string]string
	GetNamespace() string
	GetName() string
}
