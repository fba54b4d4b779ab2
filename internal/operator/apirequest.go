package operator

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// right is what a request to the API server takes.
type permission struct{ verb, group, resource, subresource, namespace, name string }

// String returns "patch virtualservices.networking.istio.io".
func (r permission) String() string {
	out := r.verb + " " + r.resource
	if r.subresource != "" {
		out += "/" + r.subresource
	}
	if r.group != "" {
		out += "." + r.group
	}
	return out
}

// everywhere returns r without a namespace and a name.
func (r permission) clusterWide() permission {
	r.namespace, r.name = "", ""
	return r
}

// rightFor says what a request takes. It reports false for one that is about no
// resource. The path is /api/v1/… or /apis/GROUP/VERSION/…, then perhaps
// namespaces/NAME, then RESOURCE[/NAME[/SUBRESOURCE]].
func permissionFor(method string, u *url.URL) (permission, bool) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	var out permission
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		out.group, parts = parts[1], parts[3:]
	default:
		return permission{}, false
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		out.namespace, parts = parts[1], parts[2:]
	}
	out.resource = parts[0]
	if len(parts) > 1 {
		out.name = parts[1]
	}
	if len(parts) > 2 {
		out.subresource = parts[2]
	}
	switch {
	case method == http.MethodGet && out.name != "":
		out.verb = "get"
	case method == http.MethodGet && u.Query().Get("watch") == "true":
		out.verb = "watch"
	case method == http.MethodGet:
		out.verb = "list"
	case method == http.MethodPost:
		out.verb = "create"
	case method == http.MethodPut:
		out.verb = "update"
	default:
		out.verb = strings.ToLower(method)
	}
	return out, true
}

// reasonFor sorts the answer to a request; "" for one that is in order. Not found is:
// the operator asks before it creates an object. So is a watch that has expired.
func errorReason(response *http.Response, err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return "Timeout"
	case err != nil:
		return "Unreachable"
	}
	switch code := response.StatusCode; {
	case code < 400, code == http.StatusNotFound, code == http.StatusGone:
		return ""
	case code == http.StatusUnauthorized:
		return "Unauthorized"
	case code == http.StatusForbidden:
		return "Forbidden"
	case code == http.StatusConflict:
		return "Conflict"
	case code == http.StatusTooManyRequests:
		return "TooManyRequests"
	case code < 500:
		return "Refused"
	}
	return "ServerError"
}

// verbs bound the label of the metric, as do the resources that are known.
var verbs = map[string]bool{"get": true, "list": true, "watch": true, "create": true, "update": true, "patch": true, "delete": true}

// labels are those of the metric: all others are "other".
func (r permission) labels() (verb, resource string) {
	verb, resource = r.verb, r.resource
	if !verbs[verb] {
		verb = other
	}
	if !knownResources[resource] {
		resource = other
	}
	return verb, resource
}

const other = "other"

// knownResources are those that are watched, and those that are written besides.
var knownResources = func() map[string]bool {
	out := map[string]bool{
		"leases": true, "events": true, "secrets": true, "customresourcedefinitions": true,
		"serviceaccounts": true, "selfsubjectaccessreviews": true, "validatingwebhookconfigurations": true,
	}
	for i := range kinds {
		out[kinds[i].Plural] = true
	}
	return out
}()

// essential reports whether the operator can't do without a right: it writes routes and
// subsets, and must know whether it leads and what the cluster holds.
func (r permission) essential() bool {
	switch r.resource {
	case "virtualservices", "destinationrules", "leases":
		return true
	}
	for i := range kinds {
		if k := &kinds[i]; k.Needed && k.Plural == r.resource && k.Group == r.group {
			return r.verb == "list" || r.verb == "watch"
		}
	}
	return false
}
