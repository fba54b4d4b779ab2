package operator

import (
	"fmt"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// LeaseOptions are the durations of the leader's lease.
type LeaseOptions struct {
	// Duration is how long other replicas wait for a leader that does not renew its lease,
	// before one of them leads.
	Duration time.Duration
	// RenewDeadline is how long a leader tries to renew the lease before it stops writing. A
	// request for it may take half of this.
	RenewDeadline time.Duration
	// RetryPeriod is the time between attempts to renew or to acquire it.
	RetryPeriod time.Duration
}

// DefaultLeaseOptions returns durations that tolerate API round trips of 2 s: a request for
// the lease may take 3 s, and there is time for a second one.
func DefaultLeaseOptions() LeaseOptions {
	return LeaseOptions{Duration: 8 * time.Second, RenewDeadline: 6 * time.Second, RetryPeriod: time.Second}
}

// Check returns an error for durations with which no leader would stay, or two could lead.
func (o *LeaseOptions) Check() error {
	retries := time.Duration(leaderelection.JitterFactor * float64(o.RetryPeriod))
	switch {
	case o.Duration < time.Second || o.Duration%time.Second != 0:
		return fmt.Errorf("--lease-duration: %v: want whole seconds, as a Lease has them, and at least one", o.Duration)
	case o.RenewDeadline <= 0:
		return fmt.Errorf("--lease-renew-deadline: %v: want more than 0", o.RenewDeadline)
	case o.RetryPeriod <= 0:
		return fmt.Errorf("--lease-retry-period: %v: want more than 0", o.RetryPeriod)
	case o.RenewDeadline >= o.Duration:
		return fmt.Errorf("--lease-renew-deadline: %v: want less than --lease-duration (%v): a leader must stop before another one begins", o.RenewDeadline, o.Duration)
	case 2*retries > o.RenewDeadline:
		return fmt.Errorf("--lease-retry-period: %v: want less than --lease-renew-deadline (%v) by a factor of 2.4: one failed try must not end a term", o.RetryPeriod, o.RenewDeadline)
	}
	return nil
}

// CheckRequestTimeout returns an error for a timeout that is too short for any request; 0
// means no timeout.
func CheckRequestTimeout(d time.Duration) error {
	if d != 0 && d < minRequestTimeout {
		return fmt.Errorf("--request-timeout: %v: want at least %v, or 0 for no limit", d, minRequestTimeout)
	}
	return nil
}

const minRequestTimeout = 100 * time.Millisecond
