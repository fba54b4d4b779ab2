package discover

import (
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// ExpiresAnnotation says when a preview is no longer needed, in RFC 3339. It is read on
// workloads and on Services of isolated versions; the annotation of a pod template has no
// effect.
const ExpiresAnnotation = AnnotationPrefix + "expires"

// expiry reads the value of ExpiresAnnotation of an object. The result is zero for an object
// without the annotation, and for a value that is no time, which it reports.
func (r *reader) expiry(object diag.Object, value string) time.Time {
	if value == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(value))
	if err != nil || at.IsZero() {
		r.report(diag.InvalidAnnotation, object, "%s: %q is no time in RFC 3339: it never expires", ExpiresAnnotation, value)
		*r.last() = r.last().WithFix("write a time such as 2026-12-31T18:00:00Z, or remove the annotation")
		return time.Time{}
	}
	return at.UTC()
}
