package discover

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Written is what an object that Overrides wrote remembers of its Service.
type Written struct {
	Meta

	Kind string
	// Host is the host of the Service.
	Host string
	// Released is the text of a [model.Remembered].
	Released string
}

// WrittenOf returns what an object that Overrides wrote remembers; nil for nothing. hosts are
// those of the object.
func WrittenOf(kind string, meta metav1.Object, hosts ...string) *Written {
	text := meta.GetAnnotations()[istio.ReleasedAnnotation]
	if text == "" || len(hosts) != 1 {
		return nil
	}
	return &Written{Meta: metaOf(meta), Kind: kind, Host: hosts[0], Released: text}
}

// written lists what the objects that Overrides wrote remember.
func (r *reader) written() []*Written {
	out := slices.Clone(r.Written)
	for _, v := range r.VirtualServices {
		if w := WrittenOf("VirtualService", v, v.Spec.GetHosts()...); w != nil && isOurs(&v.ObjectMeta) {
			out = append(out, w)
		}
	}
	for _, d := range r.DestinationRules {
		if w := WrittenOf("DestinationRule", d, d.Spec.GetHost()); w != nil && isOurs(&d.ObjectMeta) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b *Written) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), byName(a.Namespace, a.Name, b.Namespace, b.Name))
	})
	return out
}

// readRemembered gives Services the memory of the objects that Overrides wrote in their
// namespaces. A DestinationRule takes precedence over a VirtualService: it is written
// earlier.
func (r *reader) readRemembered() {
	written := r.written()
	if len(written) == 0 {
		return
	}
	services := make(map[string]*model.Service, len(r.snapshot.Services))
	for i := range r.snapshot.Services {
		s := &r.snapshot.Services[i]
		services[r.snapshot.Options.FQDN(s.Name, s.Namespace)] = s
	}
	for _, w := range written {
		s := services[w.Host]
		if s == nil || s.Namespace != w.Namespace || s.Remembered != nil {
			continue
		}
		remembered, err := model.ParseRemembered(w.Released)
		if err != nil {
			object := diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
			r.report(diag.InvalidAnnotation, object, "%s: %v", istio.ReleasedAnnotation, err)
			continue
		}
		s.Remembered = &remembered
	}
}
