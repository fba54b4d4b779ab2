package apply

import (
	"errors"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// TestExplain tests the classification of responses of the API server.
func TestExplain(t *testing.T) {
	t.Parallel()
	status := func(code int32, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason, Message: message, Details: &metav1.StatusDetails{Causes: causes}}}
	}
	step := plan.Step{Action: plan.Update, Object: istio.Object{Object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}}}
	tests := []struct {
		name  string
		err   error
		code  diag.Code
		text  string
		stale bool
	}{
		{
			"others own a field", status(http.StatusConflict, metav1.StatusReasonConflict, "1 conflict",
				metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.http", Message: `conflict with "somebody" using v1`}),
			diag.FieldConflict, "update VirtualService shop/cart-overrides: .spec.http: conflict with somebody using v1", false,
		},
		{"another version", status(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified"), "", "", true},
		{
			"a webhook", status(http.StatusBadRequest, metav1.StatusReasonBadRequest, "admission webhook \"x\" denied the request:\n  no"),
			diag.ObjectRefused, `update VirtualService shop/cart-overrides: admission webhook "x" denied the request: no`, false,
		},
		{"the schema", status(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "invalid"), diag.ObjectRefused, "update VirtualService shop/cart-overrides: invalid", false},
		{"busy", status(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "later"), "", "", false},
		{"the webhook is down", status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "failed calling webhook"), "", "", false},
		{"no namespace", status(http.StatusNotFound, metav1.StatusReasonNotFound, "not found"), "", "", false},
		{"no answer", errors.New("connection refused"), "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := explain(step, test.err)
			if !errors.Is(err, test.err) || errors.Is(err, ErrStale) != test.stale {
				t.Errorf("got %v", err)
			}
			var refusal *Refusal
			if refused := errors.As(err, &refusal); refused != (test.code != "") {
				t.Fatalf("refused %t, want %t", refused, test.code != "")
			}
			if refusal != nil && (refusal.Code != test.code || refusal.Error() != test.text) {
				t.Errorf("got %s %q, want %s %q", refusal.Code, refusal, test.code, test.text)
			}
		})
	}
	if explain(step, nil) != nil {
		t.Error("nothing is an error")
	}
}
