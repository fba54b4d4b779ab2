package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
)

const (
	// checkInterval is how often denied requests are checked, recheckAfter how often the API
	// server is asked whether a permission is back.
	checkInterval, recheckAfter = 2 * time.Second, 20 * time.Second
	// downTolerance is how long a watch may be down before that is reported. It is longer
	// than a restart of the API server.
	downTolerance = 30 * time.Second
)

// permissions detects missing permissions by the requests that the API server denies. A
// webhook may deny a request with the same status, so the API server is asked whether the
// permission is missing.
type permissions struct {
	log    *slog.Logger
	health *watchHealth
	// isAllowed reports whether the operator has a permission.
	isAllowed func(ctx context.Context, r permission) (bool, error)
	// onAllowed is called when a missing permission has been granted.
	onAllowed func()

	failed  *prometheus.CounterVec
	missing *prometheus.GaugeVec

	mu sync.Mutex
	// denied are the permissions whose last request was denied, without namespaces and
	// names: the operator may have a permission elsewhere.
	denied map[permission]*denial
	// down is set while a watch is reported as down.
	down bool
}

// denial is a denied request.
type denial struct {
	// last is the permission of the last request, with its namespace.
	last  permission
	asked time.Time
	// confirmed is set if the API server says that the permission is missing.
	confirmed bool
}

func newPermissions(log *slog.Logger, health *watchHealth) *permissions {
	return &permissions{
		log: log, health: health, onAllowed: func() {}, denied: map[permission]*denial{},
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_api_errors_total", Help: "Requests to the API server that failed, by verb, resource and reason.",
		}, []string{"verb", "resource", "reason"}),
		missing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_rights_missing", Help: "1 for each permission that the operator has needed and does not have.",
		}, []string{"verb", "resource"}),
	}
}

// wrap returns a transport that records the results of requests.
func (r *permissions) wrap(next http.RoundTripper) http.RoundTripper {
	return &recordingTransport{next, r}
}

// recordingTransport passes requests on and records their results.
type recordingTransport struct {
	next        http.RoundTripper
	permissions *permissions
}

// RoundTrip implements [http.RoundTripper].
func (l *recordingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if asked, ok := permissionFor(request.Method, request.URL); ok {
		l.permissions.record(asked, errorReason(response, err))
	}
	return response, err
}

// record records the result of a request.
func (r *permissions) record(asked permission, reason string) {
	if reason != "" {
		verb, resource := asked.labels()
		r.failed.WithLabelValues(verb, resource, reason).Inc()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := asked.clusterWide()
	switch reason {
	case "":
		if d := r.denied[key]; d != nil {
			r.setAllowed(key, d, true)
		}
	case "Forbidden", "Unauthorized":
		if d := r.denied[key]; d != nil {
			d.last = asked
		} else if asked.resource != "selfsubjectaccessreviews" {
			r.denied[key] = &denial{last: asked}
		}
	}
}

// setAllowed records whether the operator has a permission. The caller has locked r.mu.
func (r *permissions) setAllowed(key permission, d *denial, allowed bool) {
	verb, resource := key.labels()
	switch {
	case allowed:
		delete(r.denied, key)
		if d.confirmed {
			r.missing.DeleteLabelValues(verb, resource)
			r.log.Info("allowed again", "right", key.String())
			go r.onAllowed()
		}
	case !d.confirmed:
		d.confirmed = true
		r.missing.WithLabelValues(verb, resource).Set(1)
		level := slog.LevelWarn
		if key.essential() {
			level = slog.LevelError
		}
		r.log.Log(context.Background(), level, "not allowed", "right", key.String(), "namespace", d.last.namespace)
	}
}

// NeedLeaderElection returns false, because every replica reports what it lacks.
func (r *permissions) NeedLeaderElection() bool { return false }

// Start checks denied permissions until ctx ends.
func (r *permissions) Start(ctx context.Context) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			r.check(ctx, now)
		}
	}
}

// check asks the API server about denied permissions.
func (r *permissions) check(ctx context.Context, now time.Time) {
	for key, last := range r.due(now) {
		allowed, err := r.isAllowed(ctx, last)
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
			continue // the answer is unknown
		}
		r.mu.Lock()
		if d := r.denied[key]; d != nil {
			r.setAllowed(key, d, allowed)
		}
		r.mu.Unlock()
	}
	r.logWatches(now)
}

// due lists the permissions to ask about now.
func (r *permissions) due(now time.Time) map[permission]permission {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[permission]permission{}
	for key, d := range r.denied {
		if now.Sub(d.asked) >= recheckAfter {
			d.asked = now
			out[key] = d.last
		}
	}
	return out
}

// logWatches logs when a watch is down for too long, and when all are up again.
func (r *permissions) logWatches(now time.Time) {
	down := r.health.downFor(now) > downTolerance
	r.mu.Lock()
	defer r.mu.Unlock()
	if down != r.down {
		if r.down = down; down {
			r.log.Error("a watch is down, and nothing is written until it is up again", "longerThan", downTolerance.String())
		} else {
			r.log.Info("all watches are up again")
		}
	}
}

// ready returns an error if the operator can't work: an essential permission is missing, or
// a watch is down.
func (r *permissions) ready(*http.Request) error {
	if down := r.health.downFor(time.Now()); down > downTolerance {
		return fmt.Errorf("a watch has been down for %v, and nothing is written", down.Round(time.Second))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var lost []string
	for key, d := range r.denied {
		if d.confirmed && key.essential() {
			lost = append(lost, key.String())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.Sort(lost)
	return errors.New("not allowed to " + strings.Join(lost, ", "))
}

// reviewAccess asks the API server whether the operator has a permission. Every account may
// ask this.
func reviewAccess(reviews authorization.SelfSubjectAccessReviewInterface) func(context.Context, permission) (bool, error) {
	return func(ctx context.Context, r permission) (bool, error) {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: r.namespace, Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Name: r.name,
			},
		}}
		answer, err := reviews.Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return answer.Status.Allowed, nil
	}
}
