package discover

import (
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	securityapi "istio.io/api/security/v1beta1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// These types are the trimmed forms of kinds of which a cluster has many objects: the few
// fields that decide a route, read once.

// Object is an object that was read.
type Object interface {
	GetNamespace() string
	GetName() string
	GetUID() types.UID
}

// Meta names an object.
type Meta struct {
	Namespace, Name string
	UID             types.UID
}

func metaOf(object metav1.Object) Meta {
	return Meta{Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID()}
}

// GetNamespace returns the namespace.
func (m *Meta) GetNamespace() string { return m.Namespace }

// GetName returns the name.
func (m *Meta) GetName() string { return m.Name }

// GetUID returns the UID, which tells objects apart that had the same name one after the
// other; empty from YAML.
func (m *Meta) GetUID() types.UID { return m.UID }

// Labels are labels of pods; many pods share them.
type Labels struct {
	// All has all labels, Kept those that controllers don't add for each revision.
	All, Kept map[string]string
	// all and kept are the same for equal labels only.
	all, kept string
	// others are the labels of Kept; nil if these are those of All.
	others *Labels
}

// LabelsOf reads labels. Nobody may change them afterwards.
func LabelsOf(labels map[string]string) *Labels {
	out := &Labels{All: labels, Kept: withoutRevision(labels), all: model.LabelString(labels)}
	out.kept = out.all
	if len(out.Kept) != len(out.All) {
		out.kept = model.LabelString(out.Kept)
	}
	return out
}

// Text is the same for equal labels only.
func (l *Labels) Text() string { return l.all }

// KeepAs lets l share its Kept labels with others that have the same. It must be called
// before anybody else has l.
func (l *Labels) KeepAs(share func(*Labels) *Labels) {
	if l.all == l.kept {
		return
	}
	same := share(&Labels{All: l.Kept, Kept: l.Kept, all: l.kept, kept: l.kept})
	l.Kept, l.kept, l.others = same.All, same.all, same
}

// Pod is the trimmed form of a pod.
type Pod struct {
	Meta

	Labels *Labels
	// Workload is its owner.
	Workload model.Workload
	Created  time.Time
	// Live is set while it may serve, now or later; Ready while its own condition says so.
	Live, Ready bool
	// Notes are the names of its annotations that are about Overrides.
	Notes []string
	// Router is the version of its proxy, if it is a gateway; empty if it is none, or if the
	// name of the image does not say the version.
	Router string

	sidecar sidecar
}

// TrimPod returns the trimmed form of in.
func TrimPod(in *corev1.Pod) *Pod {
	return &Pod{
		Meta: metaOf(in), Labels: LabelsOf(in.Labels), Workload: workloadOf(in), Created: in.CreationTimestamp.Time,
		Live: mayServe(in), Ready: isReady(in), Notes: notes(in.Annotations), Router: routerVersion(&in.Spec), sidecar: sidecarOf(&in.ObjectMeta, &in.Spec),
	}
}

// EndpointSlice is the trimmed form of an EndpointSlice.
type EndpointSlice struct {
	Meta

	// Service is the name of its Service.
	Service string
	// Ready are the names of the pods that it lists as ready, sorted.
	Ready []string
	// Foreign is set if it seems to have endpoints that are no pods of the cluster.
	Foreign bool
}

// TrimEndpointSlice returns the trimmed form of in. An endpoint without the condition is
// ready (EndpointConditions.Ready).
func TrimEndpointSlice(in *discoveryv1.EndpointSlice) *EndpointSlice {
	out := &EndpointSlice{Meta: metaOf(in), Service: in.Labels[discoveryv1.LabelServiceName], Foreign: isForeign(in)}
	for i := range in.Endpoints {
		e := &in.Endpoints[i]
		if e.TargetRef != nil && e.TargetRef.Kind == "Pod" && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
			out.Ready = append(out.Ready, e.TargetRef.Name)
		}
	}
	slices.Sort(out.Ready)
	return out
}

// Workload is the trimmed form of an object that owns pods.
type Workload struct {
	Meta

	Kind    string
	Created time.Time
	// Replicas is the number of pods that it asks for; 1 if it does not say.
	Replicas int
	// Selector are the labels by which it selects its pods; nil if it has expressions,
	// which a subset can't have.
	Selector map[string]string
	// Expressions is its selector if that has expressions; nil for others.
	Expressions *metav1.LabelSelector
	// Template are the labels of its template, and Notes the names of the template's
	// annotations that are about Overrides.
	Template *Labels
	Notes    []string
	// Mislabelled is set if it has the preview label itself, and its template does not.
	Mislabelled bool
	// Misplaced are the annotations of Services that it or its template has, or that it has
	// as labels, without the domain; nil for none.
	Misplaced map[string]string
	// Expires is the value of its annotation [ExpiresAnnotation]; empty for none.
	Expires string
	// Owned is set if it has an owner itself.
	Owned bool
	// Router is the version of the proxies of its template, as that of a [Pod].
	Router  string
	sidecar sidecar
	// TemplateOf names the Deployment whose template a Rollout uses; empty for its own.
	TemplateOf string
	// Steers are the objects that a Rollout changes as it goes on.
	Steers []diag.Object
	// Stable is the name of the Service that callers of a Rollout's pods use, if it names
	// one; other Services that it changes are for itself.
	Stable string
}

func workload(kind string, meta *metav1.ObjectMeta, replicas *int32, selector *metav1.LabelSelector, template *corev1.PodTemplateSpec) *Workload {
	out := &Workload{
		Meta: metaOf(meta), Kind: kind, Created: meta.CreationTimestamp.Time, Replicas: 1,
		Template: LabelsOf(template.Labels), Notes: notes(template.Annotations), Owned: metav1.GetControllerOfNoCopy(meta) != nil,
		Expires: meta.Annotations[ExpiresAnnotation], sidecar: sidecarOf(&template.ObjectMeta, &template.Spec),
		Router: routerVersion(&template.Spec),
	}
	out.Mislabelled = meta.Labels[previewKey] != "" && template.Labels[previewKey] == ""
	out.Misplaced = ofServices(meta.Labels, template.Annotations, meta.Annotations)
	if replicas != nil {
		out.Replicas = int(*replicas)
	}
	switch {
	case selector == nil:
	case len(selector.MatchExpressions) > 0:
		out.Expressions = selector
	case maps.Equal(selector.MatchLabels, template.Labels):
		out.Selector = template.Labels // one map is enough
	default:
		out.Selector = selector.MatchLabels
	}
	return out
}

// Trim returns an object without the parts that decide no route: an object of another type
// for kinds of which there are many, else the object itself without its largest parts. It
// returns nil if the object decides nothing.
func Trim(object metav1.Object) Object {
	switch x := object.(type) {
	case *corev1.Pod:
		return TrimPod(x)
	case *discoveryv1.EndpointSlice:
		return TrimEndpointSlice(x)
	case *appsv1.Deployment:
		return workload("Deployment", &x.ObjectMeta, x.Spec.Replicas, x.Spec.Selector, &x.Spec.Template)
	case *appsv1.StatefulSet:
		return workload("StatefulSet", &x.ObjectMeta, x.Spec.Replicas, x.Spec.Selector, &x.Spec.Template)
	case *appsv1.DaemonSet:
		return workload("DaemonSet", &x.ObjectMeta, nil, x.Spec.Selector, &x.Spec.Template)
	case *appsv1.ReplicaSet:
		return workload("ReplicaSet", &x.ObjectMeta, x.Spec.Replicas, x.Spec.Selector, &x.Spec.Template)
	case *Rollout:
		out := workload("Rollout", &x.ObjectMeta, x.Spec.Replicas, x.Spec.Selector, &x.Spec.Template)
		if ref := x.Spec.WorkloadRef; ref != nil && ref.Kind == "Deployment" {
			out.TemplateOf = ref.Name
		}
		out.Steers, out.Stable = x.Spec.Strategy.steers(x.Namespace), x.Spec.Strategy.stable()
		return out
	case *canary:
		return canaryOf(x)
	case *gatewayRoute:
		return x.trimRoute()
	case *httpRoute:
		return x.trimHTTPRoute()
	case gatewayPartSource:
		return x.trim()
	case *networkingv1.Ingress:
		return ingressRoute(x)
	}
	return trimRest(object)
}

// trimRest is Trim for kinds of which only some objects, or few parts, decide a route.
func trimRest(object metav1.Object) Object {
	switch x := object.(type) {
	case *workloadEntry:
		return orNil(x.unreadOf())
	case *workloadGroup:
		return orNil(x.unreadOf())
	case *endpoints:
		return orNil(x.unreadOf())
	case *corev1.ConfigMap:
		return orNil(meshConfigOf(x))
	case *istiosecv1.AuthorizationPolicy:
		return orNil(accessPolicy(x))
	case *metav1.PartialObjectMetadata:
		return orNil(tagOf(x))
	}
	trimMetadata(object)
	return object
}

// accessPolicy returns a policy of a user's that decides about requests; nil for others.
func accessPolicy(x *istiosecv1.AuthorizationPolicy) *istiosecv1.AuthorizationPolicy {
	if x.Spec.GetAction() == securityapi.AuthorizationPolicy_AUDIT || isOurs(&x.ObjectMeta) {
		return nil
	}
	trimMetadata(x)
	return x
}

// orNil returns x as an Object, which is nil if x is.
func orNil[T any, P interface {
	*T
	Object
}](x P) Object {
	if x == nil {
		return nil
	}
	return x
}

// trimMetadata removes the last-applied annotation of kubectl, the status of a Service, and
// the managed fields but for the names of managers that steer the object.
func trimMetadata(object metav1.Object) {
	object.SetManagedFields(trimManagers(object.GetManagedFields()))
	if annotations := object.GetAnnotations(); annotations != nil {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
	if s, ok := object.(*corev1.Service); ok {
		s.Status = corev1.ServiceStatus{}
	}
}

// revisionLabels are labels that controllers add to the pods of each revision, or to each
// pod. They say nothing about the version.
var revisionLabels = []string{
	"pod-template-hash",
	"controller-revision-hash",
	"pod-template-generation",
	"rollouts-pod-template-hash",
	"statefulset.kubernetes.io/pod-name",
	"apps.kubernetes.io/pod-index",
	"apps.kruise.io/cloneset-instance-id",
	"lifecycle.apps.kruise.io/state",
}

// withoutRevision returns labels without revisionLabels; labels itself if it has none of
// them.
func withoutRevision(labels map[string]string) map[string]string {
	for _, key := range revisionLabels {
		if _, ok := labels[key]; ok {
			out := maps.Clone(labels)
			for _, key := range revisionLabels {
				delete(out, key)
			}
			return out
		}
	}
	return labels
}

// mayServe reports whether p may serve, now or later.
func mayServe(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodSucceeded
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// workloadOf names the owner of p, whatever its kind. Instead of a ReplicaSet it names the
// Deployment or Rollout, if the name of the ReplicaSet consists of its name and the pod hash;
// instead of a ReplicationController the DeploymentConfig that the pod names.
func workloadOf(p *corev1.Pod) model.Workload {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return model.Workload{Kind: "Pod", Name: p.Name}
	}
	if owner.Kind == "ReplicaSet" {
		for _, by := range []struct{ label, kind string }{
			{"rollouts-pod-template-hash", "Rollout"},
			{"pod-template-hash", "Deployment"},
		} {
			if hash := p.Labels[by.label]; hash != "" {
				if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
					return model.Workload{Kind: by.kind, Name: name}
				}
			}
		}
	}
	if name := p.Labels["deploymentconfig"]; owner.Kind == "ReplicationController" && name != "" && strings.HasPrefix(owner.Name, name+"-") {
		return model.Workload{Kind: "DeploymentConfig", Name: name}
	}
	return model.Workload{Kind: owner.Kind, Name: owner.Name}
}
