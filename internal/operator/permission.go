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
	// rightsEvery is how often denied requests are looked into, askAgainAfter how often
	// the API server is asked whether a right is back.
	checkInterval, recheckAfter = 2 * time.Second, 20 * time.Second
	// mayBeDown is how long a watch may be down before that is told: for longer than a
	// restart of the API server.
	downTolerance = 30 * time.Second
)

// rights notices requests that the API server refuses because the operator is not
// allowed to make them. A webhook may answer as if it were so; so the API server is
// asked whether it is.
type permissions struct {
	log    *slog.Logger
	health *watchHealth
	// ask reports whether a right is there.
	isAllowed func(ctx context.Context, r permission) (bool, error)
	// again is called when something that was not allowed is.
	onAllowed func()

	failed  *prometheus.CounterVec
	missing *prometheus.GaugeVec

	mu sync.Mutex
	// denied are the rights for which the last request was denied, without namespaces and
	// names: a right that is there elsewhere is not lost.
	denied map[permission]*denial
	// down is set while it has been told that a watch is down.
	down bool
}

// denial is a request that was denied.
type denial struct {
	// last is the last one, at its namespace.
	last  permission
	asked time.Time
	// lost is set where the API server says that the right is not there.
	confirmed bool
}

func newPermissions(log *slog.Logger, health *watchHealth) *permissions {
	return &permissions{
		log: log, health: health, onAllowed: func() {}, denied: map[permission]*denial{},
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_api_errors_total", Help: "Requests that the API server did not answer as asked, by verb, resource and reason.",
		}, []string{"verb", "resource", "reason"}),
		missing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_rights_missing", Help: "1 for what the operator has tried to do and is not allowed to.",
		}, []string{"verb", "resource"}),
	}
}

// wrap has rights see the answers to requests.
func (r *permissions) wrap(next http.RoundTripper) http.RoundTripper {
	return &recordingTransport{next, r}
}

// noting passes requests on, and notes what became of them.
type recordingTransport struct {
	next        http.RoundTripper
	permissions *permissions
}

// RoundTrip makes a request.
func (l *recordingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if asked, ok := permissionFor(request.Method, request.URL); ok {
		l.permissions.record(asked, errorReason(response, err))
	}
	return response, err
}

// note notes what became of a request.
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

// settle notes whether a right is there. The caller has locked r.
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

// NeedLeaderElection says that every replica tells what it lacks.
func (r *permissions) NeedLeaderElection() bool { return false }

// Start looks into what was denied until ctx ends.
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

// look asks the API server about what was denied.
func (r *permissions) check(ctx context.Context, now time.Time) {
	for key, last := range r.due(now) {
		allowed, err := r.isAllowed(ctx, last)
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
			continue // nothing is known
		}
		r.mu.Lock()
		if d := r.denied[key]; d != nil {
			r.setAllowed(key, d, allowed)
		}
		r.mu.Unlock()
	}
	r.logWatches(now)
}

// toAsk lists the rights that are to be asked for now.
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

// tellWatches logs that watches are down, and that they stand again.
func (r *permissions) logWatches(now time.Time) {
	down := r.health.downFor(now) > downTolerance
	r.mu.Lock()
	defer r.mu.Unlock()
	if down != r.down {
		if r.down = down; down {
			r.log.Error("a watch is down, and nothing is written until it stands again", "longerThan", downTolerance.String())
		} else {
			r.log.Info("all watches stand again")
		}
	}
}

// ready returns what an operator lacks that it can't do without.
func (r *permissions) ready(*http.Request) error {
	if down := r.health.downFor(time.Now()); down > downTolerance {
		return fmt.Errorf("a watch is down for %v, and nothing is written", down.Round(time.Second))
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

// askAPI asks the API server whether a right is there, which everybody may.
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
