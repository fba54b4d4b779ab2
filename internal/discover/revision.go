package discover

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionLabel names a revision of Istio, that is, one istiod of several.
//
// On an object of Istio's it says which istiod alone reads it. Istiod compares it
// with the name of its own revision (istio pilot/pkg/config/kube/crdclient:
// inRevision, pkg/config: LabelsInRevision). A revision tag is no such name: an
// object that is labelled with a tag is read by none, unless a revision is called
// like it (LabelsInRevisionOrTags, which would heed tags, has no caller).
//
// On a namespace it says which revision puts proxies into its pods, and there a
// tag does stand for a revision.
const revisionLabel = "istio.io/rev"

const (
	injectionLabel = "istio-injection"
	tagLabel       = "istio.io/tag"
	// defaultRevision is what the istiod is called that names no other revision.
	defaultRevision = "default"
)

// Tag is a revision tag: another name for a revision of Istio. It is the webhook
// that puts proxies of that revision into the pods of namespaces labelled with the
// tag (istio pkg/revisions: GetMyTags).
type Tag struct {
	Meta

	Tag, Revision string
}

// tagOf returns what is kept of a MutatingWebhookConfiguration, nil for any that
// is no tag.
func tagOf(in *metav1.PartialObjectMetadata) *Tag {
	out := &Tag{Meta: metaOf(in), Tag: in.Labels[tagLabel], Revision: in.Labels[revisionLabel]}
	if out.Tag == "" || out.Revision == "" {
		return nil
	}
	return out
}

// tags says which revision each tag stands for. Of two webhooks of one tag, of
// which Kubernetes calls both, the one whose name comes last has the last word.
func (o *Objects) tags() map[string]string {
	var out map[string]string
	for _, t := range slices.SortedFunc(slices.Values(o.Tags), func(a, b *Tag) int { return byName("", a.Name, "", b.Name) }) {
		if out == nil {
			out = map[string]string{}
		}
		out[t.Tag] = t.Revision
	}
	return out
}

// revisions says of which revision the proxies of each namespace are that says it,
// with tags resolved.
func (o *Objects) revisions(tags map[string]string) map[string]string {
	var out map[string]string
	for _, n := range o.Namespaces {
		revision := injectedRevision(n.Labels)
		if revision == "" || n.DeletionTimestamp != nil {
			continue
		}
		if to, isTag := tags[revision]; isTag {
			revision = to
		}
		if out == nil {
			out = map[string]string{}
		}
		out[n.Name] = revision
	}
	return out
}

// injectedRevision returns the revision, or the tag, that a namespace's labels ask
// for; empty where they ask for none. The selectors of Istio's webhooks (istio
// manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml)
// give istio-injection precedence:
//
//	istio-injection  istio.io/rev  is injected by
//	enabled          any           the default revision
//	another value    any           none
//	-                R             revision R, or the one that tag R stands for
//	-                -             whom each pod asks for
func injectedRevision(labels map[string]string) string {
	switch injection, said := labels[injectionLabel]; {
	case injection == "enabled":
		return defaultRevision
	case said:
		return ""
	}
	return labels[revisionLabel]
}

// Revisions lists the revisions of Istio that namespaces ask for, sorted.
func (o *Objects) Revisions() []string {
	return slices.Compact(slices.Sorted(maps.Values(o.revisions(o.tags()))))
}
