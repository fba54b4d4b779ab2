package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// grantClient makes, awaits and deletes the grants of a namespace.
type grantClient struct {
	namespace       string
	reviews         dynamic.ResourceInterface
	grants, secrets dynamic.ResourceInterface
}

func newGrantClient(o *grantOptions) (*grantClient, error) {
	config, current, err := o.cluster.load()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	namespace := cmp.Or(o.namespace, current)
	return &grantClient{
		namespace: namespace,
		reviews:   client.Resource(schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}),
		grants:    client.Resource(v1alpha1.GroupVersion.WithResource("overridegrants")).Namespace(namespace),
		secrets:   client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(namespace),
	}, nil
}

// maxGroups is the maximum number of groups in a grant.
const maxGroups = 64

// requester asks the API server who the user is.
func (c *grantClient) requester(ctx context.Context) (v1alpha1.Requester, error) {
	empty := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}}
	var review authenticationv1.SelfSubjectReview
	answer, err := c.reviews.Create(ctx, empty, metav1.CreateOptions{})
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(answer.Object, &review)
	}
	if err != nil {
		return v1alpha1.Requester{}, fmt.Errorf("ask the cluster who you are: %w", err)
	}
	groups := slices.Sorted(slices.Values(review.Status.UserInfo.Groups))
	groups = slices.Compact(groups)
	return v1alpha1.Requester{Username: review.Status.UserInfo.Username, Groups: groups[:min(len(groups), maxGroups)]}, nil
}

func (c *grantClient) create(ctx context.Context, wanted *v1alpha1.OverrideGrant) (*v1alpha1.OverrideGrant, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return nil, err
	}
	delete(object, "status")
	made, err := c.grants.Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("create an OverrideGrant in namespace %s: %w (kubectl auth can-i create overridegrants.overrides.mesh -n %s)", c.namespace, err, c.namespace)
	case err != nil:
		return nil, fmt.Errorf("create an OverrideGrant in namespace %s: %w", c.namespace, err)
	}
	return grantOf(made)
}

func grantOf(object runtime.Object) (*v1alpha1.OverrideGrant, error) {
	u, is := object.(*unstructured.Unstructured)
	if !is {
		return nil, apierrors.FromObject(object)
	}
	out := &v1alpha1.OverrideGrant{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out); err != nil {
		return nil, fmt.Errorf("read an OverrideGrant: %w", err)
	}
	return out, nil
}

// answer waits until a grant is accepted, and returns it and its token. The grant in the result
// is never nil.
func (c *grantClient) answer(ctx context.Context, made *v1alpha1.OverrideGrant) (*v1alpha1.OverrideGrant, string, error) {
	accepted, err := c.accepted(ctx, made)
	if err != nil {
		return made, "", err
	}
	text, err := c.token(ctx, accepted.Status.SecretName)
	return accepted, text, err
}

// refusedError says why the operator does not accept a grant.
type refusedError struct {
	grant           *v1alpha1.OverrideGrant
	reason, message string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("grant %s/%s is refused (%s): %s", e.grant.Namespace, e.grant.Name, e.reason, e.message)
}

// watchPause is the time between two watches.
const watchPause = 200 * time.Millisecond

// accepted watches a grant until it is accepted. A watch that ends is begun again: it tells the
// present state first.
func (c *grantClient) accepted(ctx context.Context, made *v1alpha1.OverrideGrant) (*v1alpha1.OverrideGrant, error) {
	var out *v1alpha1.OverrideGrant
	err := wait.PollUntilContextCancel(ctx, watchPause, true, func(ctx context.Context) (bool, error) {
		watched, err := c.grants.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + made.Name})
		if err != nil {
			return false, fmt.Errorf("watch OverrideGrant %s/%s: %w", made.Namespace, made.Name, err)
		}
		defer watched.Stop()
		for event := range watched.ResultChan() {
			if out, err = verdictOn(made, event); out != nil || err != nil {
				return true, err
			}
		}
		return false, nil
	})
	return out, err
}

// verdictOn returns the grant that an event of a watch shows if it is accepted, an error if it
// never will be, and neither as long as the operator has not answered.
func verdictOn(made *v1alpha1.OverrideGrant, event watch.Event) (*v1alpha1.OverrideGrant, error) {
	g, err := grantOf(event.Object)
	switch {
	case err != nil:
		return nil, err
	case event.Type == watch.Deleted || g.UID != made.UID:
		return nil, fmt.Errorf("OverrideGrant %s/%s was deleted by somebody", made.Namespace, made.Name)
	}
	condition := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.PolicyConditionAccepted)
	switch {
	case condition == nil || condition.Status == metav1.ConditionUnknown:
		return nil, nil
	case condition.Status == metav1.ConditionFalse:
		return nil, &refusedError{g, condition.Reason, condition.Message}
	case g.Status.SecretName == "":
		return nil, nil
	}
	return g, nil
}

// tokenKey is the key of the token in a Secret.
const tokenKey = "token"

// token waits for the Secret of a grant, and returns the token in it.
func (c *grantClient) token(ctx context.Context, name string) (string, error) {
	var out string
	err := wait.PollUntilContextCancel(ctx, watchPause, true, func(ctx context.Context) (bool, error) {
		object, err := c.secrets.Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return false, nil
		case apierrors.IsForbidden(err):
			return false, fmt.Errorf("the grant is accepted, but you may not read its token: %w (kubectl auth can-i get secrets -n %s)", err, c.namespace)
		case err != nil:
			return false, fmt.Errorf("read Secret %s/%s: %w", c.namespace, name, err)
		}
		var secret corev1.Secret
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &secret); err != nil {
			return false, errors.New("the Secret can't be read")
		}
		out = string(secret.Data[tokenKey])
		return out != "", nil
	})
	return out, err
}

// delete deletes the very grant that is given; one that is gone is no error.
func (c *grantClient) delete(ctx context.Context, g *v1alpha1.OverrideGrant) error {
	err := c.grants.Delete(ctx, g.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &g.UID}})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete OverrideGrant %s/%s: %w", c.namespace, g.Name, err)
	}
	return nil
}
