package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// caller is the source of a call: any of some pods.
type caller struct {
	name, namespace string
	// labels are the labels that all of these pods have.
	labels map[string]string
	// noSidecar is set if some of these pods are known to have no sidecar.
	noSidecar bool
	// kubernetes is the Kubernetes Gateway whose pods these are; zero for others.
	kubernetes diag.Object
}

// The labels by which Istio names a workload, in order (istio pkg/kube/labels:
// CanonicalService).
const (
	canonicalName = "service.istio.io/canonical-name"
	appName       = "app.kubernetes.io/name"
	app           = "app"
)

// anyCaller names a caller that the query does not name.
const anyCaller = "client"

// firstCaller finds the workload called from. If the input has no such workload, the
// caller gets the usual labels, and a note says so.
func (x *index) firstCaller(from, namespace string) (*caller, *Note) {
	if from == "" {
		return &caller{name: anyCaller, namespace: namespace}, nil
	}
	forms := []caller{{name: from, namespace: namespace}}
	if ns, name, found := strings.Cut(from, "/"); found {
		forms = []caller{{name: name, namespace: ns}}
	} else if dot := strings.LastIndexByte(from, '.'); dot > 0 {
		forms = append(forms, caller{name: from[:dot], namespace: from[dot+1:]})
	}
	for i := range forms {
		if labels := x.labelsOf(&forms[i]); labels != nil {
			forms[i].labels = labels
			return &forms[i], nil
		}
	}
	c := &forms[len(forms)-1]
	c.labels = map[string]string{app: c.name, canonicalName: c.name}
	var names []string
	for _, known := range x.snapshot.Callers {
		if known.Namespace == c.namespace {
			names = append(names, known.Name)
		}
	}
	n := note(diag.Warning, "there is no workload %s in namespace %s%s", c.name, c.namespace, DidYouMean(Nearest(c.name, names)))
	n.Fix = "it is assumed to have the label app=" + c.name
	return c, &n
}

// labelsOf returns the labels of the pods of c, nil if there are none.
func (x *index) labelsOf(c *caller) map[string]string {
	var labels map[string]string
	for _, known := range x.snapshot.Callers {
		if known.Namespace != c.namespace || known.Name != c.name {
			continue
		}
		c.noSidecar = c.noSidecar || known.NoSidecar
		var pods []model.Backend
		for i := range x.snapshot.Services {
			s := &x.snapshot.Services[i]
			for _, b := range s.Backends {
				if s.Namespace == c.namespace && identity(&b)[known.Label] == c.name {
					pods = append(pods, b)
				}
			}
		}
		if labels == nil {
			labels = common(pods)
		}
		labels[known.Label] = known.Name
	}
	return labels
}

// lackSidecar reports whether some pods of a namespace are known to have no sidecar.
func (x *index) lackSidecar(namespace string, pods []model.Backend) bool {
	return slices.ContainsFunc(x.snapshot.Callers, func(c model.Caller) bool {
		return c.NoSidecar && c.Namespace == namespace && slices.ContainsFunc(pods, func(b model.Backend) bool { return identity(&b)[c.Label] == c.Name })
	})
}

// identity returns the labels of pods, including the canonical name that injection adds.
func identity(b *model.Backend) map[string]string {
	if b.Labels[canonicalName] != "" {
		return b.Labels
	}
	out := map[string]string{canonicalName: cmp.Or(b.Labels[appName], b.Labels[app], b.Workload.Name)}
	maps.Copy(out, b.Labels)
	return out
}

// common returns the labels that all pods have in common.
func common(pods []model.Backend) map[string]string {
	out := map[string]string{}
	for i := range pods {
		labels := identity(&pods[i])
		if i == 0 {
			maps.Copy(out, labels)
			continue
		}
		maps.DeleteFunc(out, func(key, value string) bool { return labels[key] != value })
	}
	return out
}

// podsOf returns the pods that a destination selects for the caller. missing names the
// part of it that does not exist.
func (e *evaluation) podsOf(d *route.Destination) (pods []model.Backend, missing string) {
	c := e.found.proxy.cluster(d)
	s := e.byHost[c.Host]
	switch {
	case s == nil:
		return nil, ""
	case c.Port != 0 && !slices.ContainsFunc(s.Ports, func(p model.Port) bool { return p.Number == c.Port }):
		return nil, fmt.Sprintf("port %d", c.Port)
	case c.Subset == "":
		return s.Backends, ""
	}
	labels, found := e.found.proxy.subset(c)
	if !found {
		return nil, "subset " + c.Subset
	}
	var out []model.Backend
	for _, b := range s.Backends {
		if model.HasLabels(b.Labels, labels) {
			out = append(out, b)
		}
	}
	return out, ""
}

// versionsOf lists the versions of pods; "" stands for pods without one.
func versionsOf(e *entry, pods []model.Backend) []string {
	var out []string
	for i := range pods {
		version := pods[i].Labels[e.report.Settings.VersionLabel]
		if version == "" && e.VersionOf != "" {
			version = e.Version
		}
		out = append(out, version)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
