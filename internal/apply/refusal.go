package apply

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Refusal is a step that the API server refuses. Trying again only helps once somebody
// else has changed something.
type Refusal struct {
	Step plan.Step
	// Code is [diag.FieldConflict] or [diag.ObjectRefused].
	Code diag.Code
	// Message is the message of the API server or of the webhook.
	Message string

	err error
}

// Error returns the step and the message.
func (r *Refusal) Error() string { return r.Step.String() + ": " + r.Message }

// Unwrap returns the API server's error.
func (r *Refusal) Unwrap() error { return r.err }

// Diagnostic returns the refusal as a diagnostic.
func (r *Refusal) Diagnostic() diag.Diagnostic {
	return diag.New(r.Code, r.Step.Object.Object, "%s", r.Message)
}

// explain classifies the result of a step.
func explain(step plan.Step, err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status):
		return fmt.Errorf("%s: %w", step, err)
	case apierrors.IsConflict(err):
		if owners := conflicts(status.Status().Details); owners != "" {
			return &Refusal{Step: step, Code: diag.FieldConflict, Message: owners, err: err}
		}
		// This is another resource version, or another object with that name.
		return fmt.Errorf("%s: %w: %w", step, ErrStale, err)
	case isFinal(int(status.Status().Code)):
		return &Refusal{Step: step, Code: diag.ObjectRefused, Message: oneLine(status.Status().Message), err: err}
	}
	return fmt.Errorf("%s: %w", step, err)
}

// conflicts names the fields that others own, and the owners.
func conflicts(details *metav1.StatusDetails) string {
	if details == nil {
		return ""
	}
	var out []string
	for _, cause := range details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			out = append(out, fmt.Sprintf("%s: %s", cause.Field, strings.ReplaceAll(cause.Message, `"`, "")))
		}
	}
	return oneLine(strings.Join(out, "; "))
}

// isFinal reports whether a response is about the request itself. All others may change a
// moment later: the server is busy, the namespace does not exist yet.
func isFinal(code int) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	}
	return code >= 400 && code < 500
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
