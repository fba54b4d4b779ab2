package operator

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// TestPermissionFor: the permission that each request needs.
func TestPermissionFor(t *testing.T) {
	t.Parallel()
	tests := []struct{ method, url, want, namespace, name string }{
		{"GET", "/api/v1/pods?watch=true", "watch pods", "", ""},
		{"GET", "/api/v1/namespaces", "list namespaces", "", ""},
		{"GET", "/api/v1/namespaces/shop/pods", "list pods", "shop", ""},
		{"PATCH", "/api/v1/namespaces/shop/pods/a/status", "patch pods/status", "shop", "a"},
		{"PATCH", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/cart-overrides", "patch virtualservices.networking.istio.io", "shop", "cart-overrides"},
		{"DELETE", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/cart-overrides", "delete virtualservices.networking.istio.io", "shop", "cart-overrides"},
		{"PUT", "/apis/coordination.k8s.io/v1/namespaces/o/leases/overrides-operator", "update leases.coordination.k8s.io", "o", "overrides-operator"},
		{"POST", "/apis/events.k8s.io/v1/namespaces/shop/events", "create events.events.k8s.io", "shop", ""},
		{"GET", "/apis/apps/v1", "", "", ""},
		{"GET", "/version", "", "", ""},
	}
	for _, test := range tests {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := permissionFor(test.method, u)
		if ok != (test.want != "") || ok && (got.String() != test.want || got.namespace != test.namespace || got.name != test.name) {
			t.Errorf("%s %s: %v %+v, want %s", test.method, test.url, ok, got, test.want)
		}
	}
}

// TestErrorReason classifies answers; an unknown resource or verb gets no label value of its
// own.
func TestErrorReason(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		200: "", 201: "", 404: "", 410: "", 401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 422: "Refused", 429: "TooManyRequests", 500: "ServerError", 503: "ServerError",
	} {
		if got := errorReason(&http.Response{StatusCode: code}, nil); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
	for err, want := range map[error]string{
		context.Canceled: "", context.DeadlineExceeded: "Timeout", errors.New("connection refused"): "Unreachable",
	} {
		if got := errorReason(nil, err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if verb, resource := (permission{verb: "brew", resource: "teapots"}).labels(); verb != other || resource != other {
		t.Errorf("labels %s, %s", verb, resource)
	}
}

// TestPermissions: an operator is unready from when the API server confirms that an
// essential permission is missing, as a webhook may have refused the request, until it is
// back.
func TestPermissions(t *testing.T) {
	t.Parallel()
	patch := func(namespace string) permission {
		return permission{verb: "patch", group: istioGroup, resource: "virtualservices", namespace: namespace, name: "cart-overrides"}
	}
	event := permission{verb: "create", group: "events.k8s.io", resource: "events", namespace: "shop"}
	tests := []struct {
		name    string
		denied  permission
		allowed bool
		err     error
		after   func(r *permissions)
		ready   bool
	}{
		{"lost", patch("shop"), false, nil, nil, false},
		{"a webhook's refusal", patch("shop"), true, nil, nil, true},
		{"nothing is known", patch("shop"), false, errors.New("no answer"), nil, true},
		{"there in another namespace", patch("shop"), false, nil, func(r *permissions) { r.record(patch("web"), "") }, true},
		{"an unknown object is no proof", patch("shop"), false, nil, func(r *permissions) { r.record(permission{verb: "get"}, "") }, false},
		{"what it does without", event, false, nil, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, now := newPermissions(slog.New(slog.DiscardHandler), newWatchHealth()), time.Now()
			r.isAllowed = func(context.Context, permission) (bool, error) { return test.allowed, test.err }
			r.record(test.denied, "Forbidden")
			if err := r.ready(nil); err != nil {
				t.Errorf("not ready before the API server was asked: %v", err)
			}
			r.check(t.Context(), now)
			if test.after != nil {
				test.after(r)
			}
			if err := r.ready(nil); (err == nil) != test.ready {
				t.Errorf("ready: %v, want %t", err, test.ready)
			}
			r.isAllowed = func(context.Context, permission) (bool, error) { return true, nil }
			r.check(t.Context(), now.Add(recheckAfter))
			if err := r.ready(nil); err != nil {
				t.Errorf("not ready though everything is allowed: %v", err)
			}
		})
	}
}

// TestDownWatch: a watch that is down for long makes an operator unready.
func TestDownWatch(t *testing.T) {
	t.Parallel()
	f := newWatchHealth()
	r := newPermissions(slog.New(slog.DiscardHandler), f)
	s := &trackedListWatch{health: f, ctx: t.Context(), down: true, downSince: time.Now().Add(-downTolerance / 2)}
	f.watches[s] = true
	if err := r.ready(nil); err != nil {
		t.Errorf("after half of the time: %v", err)
	}
	s.downSince = time.Now().Add(-2 * downTolerance)
	if err := r.ready(nil); err == nil {
		t.Error("ready though a watch has been down for long")
	}
	s.down = false
	if err := r.ready(nil); err != nil {
		t.Errorf("all watches are up: %v", err)
	}
}
