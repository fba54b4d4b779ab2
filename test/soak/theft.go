package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// refusal makes the API server reject every VirtualService with a row for one version,
// for a while.
func (s *Soak) refusal(ctx context.Context, random *rand.Rand) error {
	policies := s.mesh.Kubernetes().AdmissionregistrationV1()
	const name = "refusal.soak.example.com"
	fail := admissionv1.Fail
	_, err := policies.ValidatingAdmissionPolicies().Create(ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{virtualServices.Group}, APIVersions: []string{"*"}, Resources: []string{virtualServices.Resource}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: `!object.spec.http.exists(h, has(h.name) && h.name.matches("^override\\.(stock|search|ship)\\.(v2|pr-1)"))`,
				Message:    "this version is rejected by the test",
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a policy: %w", err)
	}
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{})
	if err == nil {
		err = pause(ctx, time.Duration(3000+random.IntN(5000))*time.Millisecond)
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(err,
		policies.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}),
		policies.ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{}))
}

// target draws an operator's object.
func (s *Soak) target(ctx context.Context, random *rand.Rand, resource schema.GroupVersionResource) (*unstructured.Unstructured, string, error) {
	all := services()
	service := all[random.IntN(len(all))].name
	object, err := s.objects.Resource(resource).Namespace(namespace).Get(ctx, service+"-overrides", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, service, nil
	}
	return object, service, err
}

// deletion is a user who deletes an operator's object.
func (s *Soak) deletion(ctx context.Context, random *rand.Rand) error {
	resource := []schema.GroupVersionResource{virtualServices, destinationRules}[random.IntN(2)]
	object, service, err := s.target(ctx, random, resource)
	if err != nil || object == nil {
		return err
	}
	return s.rob(ctx, resource, object.GetName(), service)
}

// rob deletes an operator's object as a user would. Its Service is robbed until the
// object exists again, and all proxies have it.
func (s *Soak) rob(ctx context.Context, resource schema.GroupVersionResource, name, service string) error {
	s.timeline.note(service, "a user deletes %s %s", resource.Resource, name)
	s.book.Rob(service, time.Now().Add(within))
	s.versions.rob(service, true)
	defer func() {
		s.versions.rob(service, false)
		s.book.Rob(service, time.Now())
	}()
	in := s.objects.Resource(resource).Namespace(namespace)
	if err := in.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	err := poll(ctx, name+" exists again", func() (bool, error) {
		object, err := in.Get(ctx, name, metav1.GetOptions{})
		return err == nil && object.GetDeletionTimestamp() == nil, nil // the API server may be away
	})
	if err != nil {
		return err
	}
	return s.keeper.settle(ctx)
}

// fight is another field manager that overwrites the operator's routes, until a user
// deletes the object, which returns it to the operator.
func (s *Soak) fight(ctx context.Context, random *rand.Rand) error {
	object, service, err := s.target(ctx, random, virtualServices)
	if err != nil || object == nil {
		return err
	}
	s.timeline.note(service, "another field manager takes over the routes")
	for range 3 {
		object, err = s.objects.Resource(virtualServices).Namespace(namespace).Get(ctx, service+"-overrides", metav1.GetOptions{})
		if err != nil {
			break
		}
		routes, _, _ := unstructured.NestedSlice(object.Object, "spec", "http")
		for i := range routes {
			routes[i].(map[string]any)["timeout"] = fmt.Sprintf("%ds", 30+random.IntN(10))
		}
		if err = unstructured.SetNestedSlice(object.Object, routes, "spec", "http"); err != nil {
			break
		}
		_, err = s.objects.Resource(virtualServices).Namespace(namespace).Update(ctx, object, metav1.UpdateOptions{FieldManager: "somebody"})
		if err != nil && !apierrors.IsConflict(err) {
			break
		}
		if err = pause(ctx, time.Second); err != nil {
			break
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return s.rob(ctx, virtualServices, service+"-overrides", service)
}
