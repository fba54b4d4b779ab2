package operator_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// TestSlowWrite: while the API server does not answer a write of one object, others are
// written as usual; and once it answers, so are the writes that depend on it.
func TestSlowWrite(t *testing.T) {
	t.Parallel()
	slow, other := openShop(t, sharedPlane(t), "slow"), openShop(t, sharedPlane(t), "beside")
	asked, answer := make(chan struct{}), make(chan struct{})
	var once, free sync.Once
	release := func() { free.Do(func() { close(answer) }) }
	t.Cleanup(release)
	remove := slow.review(t, func(request *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if request.Name == "cart-overrides" && strings.Contains(string(request.Object.Raw), "override-v2") {
			once.Do(func() { close(asked) })
			<-answer
		}
		if request.Name == "probe" {
			return &admissionv1.AdmissionResponse{}
		}
		return &admissionv1.AdmissionResponse{Allowed: true}
	})
	t.Cleanup(remove)
	slow.awaitRefusal(t, "")
	o := options(slow.namespace)
	o.Namespaces = append(o.Namespaces, other.namespace)
	r := run(t, slow.config, o)
	slow.deploy(t, "v2")
	eventually(t, "a write that is not answered", func(context.Context) string {
		select {
		case <-asked:
			return ""
		default:
			return "the webhook was not asked"
		}
	})
	other.deploy(t, "v2")
	other.ready(t, "v2", true)
	other.converges(t, 2)
	other.ready(t, "v2", false)
	other.converges(t, 2)
	if strings.Contains(r.log.String(), slow.namespace+"/cart-overrides") {
		t.Error("the slow write was over before the others were made, so that nothing was shown")
	}
	release()
	slow.ready(t, "v2", true)
	slow.converges(t, 2)
}
