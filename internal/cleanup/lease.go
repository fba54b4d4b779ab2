package cleanup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"

	"github.com/overrides-mesh/overrides/internal/operator"
)

// The times of the lease while it is held here.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 500 * time.Millisecond
)

// errStillLed means that an operator keeps writing.
var errStillLed = errors.New("an operator still leads")

// holding does work while it holds the operator's lease, so that no operator writes
// meanwhile, and then deletes the lease.
func (c *cleaner) holding(ctx context.Context, work func(context.Context) error) error {
	leases, err := coordination.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	there, err := c.leasePossible(ctx, leases)
	if err != nil {
		return err
	}
	if !there {
		c.warn("there is no namespace %s, so no lease in it", c.LeaseNamespace)
		return work(ctx)
	}
	// The elector's log is replaced by messages of this package.
	held, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	defer cancel()
	var begun atomic.Bool
	done := make(chan error, 1)
	elector, err := c.elector(leases, func(ctx context.Context) {
		begun.Store(true)
		err := work(ctx)
		cancel()
		done <- err
	})
	if err != nil {
		return fmt.Errorf("take the lease: %w", err)
	}
	patience := time.AfterFunc(c.LeaseTimeout, func() {
		if !begun.Load() {
			cancel()
		}
	})
	defer patience.Stop()
	elector.Run(held)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !begun.Load():
		return fmt.Errorf("%w: %s holds lease %s/%s after %v; stop it first", errStillLed, elector.GetLeader(), c.LeaseNamespace, operator.LeaseName, c.LeaseTimeout)
	}
	err = <-done
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: the lease was lost, so the rest was not removed", errStillLed)
	case err != nil:
		return err
	}
	return c.deleteLease(ctx, leases)
}

// elector takes part in the operator's leader election.
func (c *cleaner) elector(leases coordination.CoordinationV1Interface, work func(context.Context)) (*leaderelection.LeaderElector, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	identity := host + "_cleanup_" + string(uuid.NewUUID())
	return leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: c.LeaseNamespace, Name: operator.LeaseName},
			Client:    leases, LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: work, OnStoppedLeading: func() {},
			OnNewLeader: func(leader string) {
				if leader != identity && leader != "" {
					c.warn("waiting for operator %s to stop", leader)
				}
			},
		},
	})
}

// leasePossible reports whether the namespace of the lease exists, and may have a lease
// of this program.
func (c *cleaner) leasePossible(ctx context.Context, leases coordination.CoordinationV1Interface) (bool, error) {
	_, err := leases.Leases(c.LeaseNamespace).Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: operator.LeaseName}},
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return true, nil
	case apierrors.IsNotFound(err):
		return false, nil
	}
	return false, fmt.Errorf("take lease %s/%s: %w", c.LeaseNamespace, operator.LeaseName, err)
}

// deleteLease deletes the lease, which was released, unless it is taken again.
func (c *cleaner) deleteLease(ctx context.Context, leases coordination.CoordinationV1Interface) error {
	lease, err := leases.Leases(c.LeaseNamespace).Get(ctx, operator.LeaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the lease: %w", err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		return fmt.Errorf("%w: %s took lease %s/%s as soon as it was free", errStillLed, *holder, c.LeaseNamespace, operator.LeaseName)
	}
	err = leases.Leases(c.LeaseNamespace).Delete(ctx, operator.LeaseName, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the lease: %w", err)
	}
	c.report("deleted Lease %s/%s", c.LeaseNamespace, operator.LeaseName)
	return nil
}
