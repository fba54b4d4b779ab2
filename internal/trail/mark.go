package trail

import "strings"

const (
	// MarkService is the service that a marked request names besides those that it asks for:
	//
	//	x-override: service-3:v2, overrides-trace:k3v9q2
	//
	// No Service has this name, so no route follows the member. It stays with the override
	// wherever a program passes that on, and tells requests apart that have no ID in common.
	MarkService = "overrides-trace"

	// TracePrefix begins the trace IDs of marked requests ("override" in ASCII). Proxies report a
	// request with such an ID even if it has lost its override: this shows who lost it.
	TracePrefix = "6f76657272696465"
)

// IsMarked reports whether a trace ID is that of a marked request.
func IsMarked(traceID string) bool {
	return len(traceID) == 32 && strings.HasPrefix(traceID, TracePrefix)
}
