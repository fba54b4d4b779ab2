package discover

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionLabel names a revision of Istio, that is, one istiod of several.
//
// Only the istiod of that revision reads an object of Istio's with the label. Istiod
// compares the label with the name of its own revision (istio
// pilot/pkg/config/kube/crdclient: inRevision, pkg/config: LabelsInRevision). A revision tag
// is no such name: no istiod reads an object that is labelled with a tag, unless a revision
// has the same name (LabelsInRevisionOrTags, which would heed tags, has no caller).
//
// On a namespace the label says which revision injects proxies into its pods. There a tag
// does stand for its revision.
const revisionLabel = "istio.io/rev"

const (
	injectionLabel = "istio-injection"
	tagLabel       = "istio.io/tag"
	// defaultRevision is the revision of an istiod that names none.
	defaultRevision = "default"
)

// Tag is a revision tag: another name for a revision of Istio. It is the webhook that
// injects proxies of that revision into the pods of namespaces labelled with the tag (istio
// pkg/revisions: GetMyTags).
type Tag struct {
	Meta

	Tag, Revision string
}

// tagOf returns the trimmed form of a MutatingWebhookConfiguration, nil for one that is no
// tag.
func tagOf(in *metav1.PartialObjectMetadata) *Tag {
	out := &Tag{Meta: metaOf(in), Tag: in.Labels[tagLabel], Revision: in.Labels[revisionLabel]}
	if out.Tag == "" || out.Revision == "" {
		return nil
	}
	return out
}

// tags returns the revision of each tag. If a tag has two webhooks, Kubernetes calls both,
// and the one whose name comes last decides.
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

// revisions returns the revision of the proxies of each namespace whose labels name one,
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
//	-                R             revision R, or the revision of tag R
//	-                -             the revision that each pod asks for
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
