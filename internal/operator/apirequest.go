package operator

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// permission is the permission that a request to the API server needs.
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

// clusterWide returns r without a namespace and a name.
func (r permission) clusterWide() permission {
	r.namespace, r.name = "", ""
	return r
}

// permissionFor returns the permission that a request needs. It reports false for requests
// about no resource. The path is /api/v1/… or /apis/GROUP/VERSION/…, then optionally
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

// errorReason classifies the answer to a request; "" if there is no error. "Not found" is no
// error, because the operator reads an object before it creates it. Nor is an expired watch.
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

// verbs, and the known resources, bound the label values of the metric.
var verbs = map[string]bool{"get": true, "list": true, "watch": true, "create": true, "update": true, "patch": true, "delete": true}

// labels returns the label values of the metric: "other" for unknown ones.
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

// knownResources are the watched resources, and those that are only written.
var knownResources = func() map[string]bool {
	out := map[string]bool{
		"leases": true, "events": true, "secrets": true, "customresourcedefinitions": true,
		"serviceaccounts": true, "selfsubjectaccessreviews": true, "validatingwebhookconfigurations": true,
	}
	for _, k := range slices.Concat(kinds, entryKinds, grantKinds) {
		out[k.Plural] = true
	}
	return out
}()

// essential reports whether the operator does not work without the permission: it must write
// routes and subsets, hold its lease, and read the needed kinds.
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
