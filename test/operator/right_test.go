package operator_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// right is a permission of a role, or one that a request needs.
type right struct{ group, resource, verb string }

func (r right) String() string { return r.verb + " " + r.resource + "." + r.group }

// dormant are permissions that this cluster never uses, because it lacks their purpose,
// and that for repeated Events.
var dormant = []right{
	{"argoproj.io", "rollouts", "read"},
	{"flagger.app", "canaries", "read"},
	{"gateway.networking.k8s.io", "httproutes", "read"},
	{"gateway.networking.k8s.io", "httproutes", "get"},
	{"gateway.networking.k8s.io", "httproutes", "create"},
	{"gateway.networking.k8s.io", "httproutes", "patch"},
	{"gateway.networking.k8s.io", "httproutes", "delete"},
	{"gateway.networking.k8s.io", "gateways", "read"},
	{"gateway.networking.k8s.io", "listenersets", "read"},
	{"gateway.networking.k8s.io", "gatewayclasses", "read"},
	{"gateway.networking.k8s.io", "referencegrants", "read"},
	{"gateway.networking.k8s.io", "grpcroutes", "read"},
	{"gateway.networking.k8s.io", "tcproutes", "read"},
	{"gateway.networking.k8s.io", "tlsroutes", "read"},
	{"events.k8s.io", "events", "patch"},
	{"", "events", "patch"},
}

// recorder records requests as they begin, since a watch is not answered while it runs.
type recorder struct {
	next http.RoundTripper

	mu   sync.Mutex
	used map[right]bool
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.used[rightFor(request.Method, request.URL.Path)] = true
	r.mu.Unlock()
	return r.next.RoundTrip(request)
}

// record records the requests made with config.
func record(config *rest.Config) *recorder {
	r := &recorder{used: map[right]bool{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		r.next = next
		return r
	})
	return r
}

// unused lists permissions in the operator's roles among objects that no request needed.
// Lists and watches count as one: the API server decides which of them an informer begins
// with.
func (r *recorder) unused(t *testing.T, objects []*unstructured.Unstructured) []right {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []right
	for _, o := range objects {
		if !strings.HasSuffix(o.GetKind(), "Role") || !strings.HasPrefix(o.GetName(), "overrides-operator") {
			continue
		}
		var role rbacv1.ClusterRole
		check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
		for _, rule := range role.Rules {
			for _, x := range rightsOf(rule) {
				if !r.used[x] && !slices.Contains(dormant, x) && !slices.Contains(out, x) {
					out = append(out, x)
				}
			}
		}
	}
	return out
}

func rightsOf(rule rbacv1.PolicyRule) []right {
	var out []right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				switch {
				case verb == "list" || verb == "watch":
					verb = "read"
				case verb == "create" && slices.Contains(rule.Verbs, "patch") && strings.HasSuffix(group, ".istio.io"):
					verb = "patch" // an apply where nothing is there
				}
				out = append(out, right{group, resource, verb})
			}
		}
	}
	return out
}

// rightFor returns the permission for a request: /api/v1/… or /apis/GROUP/VERSION/…, then
// perhaps namespaces/NAME, then RESOURCE[/NAME[/SUBRESOURCE]].
func rightFor(method, path string) right {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var out right
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		out.group, parts = parts[1], parts[3:]
	default:
		return out
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	out.resource = parts[0]
	if len(parts) > 2 {
		out.resource += "/" + parts[2]
	}
	switch method {
	case http.MethodGet:
		out.verb = "get"
		if len(parts) == 1 {
			out.verb = "read"
		}
	case http.MethodPost:
		out.verb = "create"
	case http.MethodPut:
		out.verb = "update"
	default:
		out.verb = strings.ToLower(method)
	}
	return out
}
