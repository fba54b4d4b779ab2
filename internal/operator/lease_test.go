package operator

import (
	"strings"
	"testing"
	"time"
)

// TestLeaseOptionsCheck: the error about inconsistent durations begins with the flag to
// change.
func TestLeaseOptionsCheck(t *testing.T) {
	t.Parallel()
	const s = time.Second
	tests := []struct {
		name                   string
		duration, renew, retry time.Duration
		want                   string
	}{
		{"defaults", DefaultLeaseOptions().Duration, DefaultLeaseOptions().RenewDeadline, DefaultLeaseOptions().RetryPeriod, ""},
		{"those of Kubernetes", 15 * s, 10 * s, 2 * s, ""},
		{"not whole seconds", 3500 * time.Millisecond, 2 * s, s / 2, "--lease-duration: 3.5s"},
		{"no lease", 0, 2 * s, s, "--lease-duration: 0s"},
		{"no deadline", 8 * s, 0, s, "--lease-renew-deadline: 0s"},
		{"no pause", 8 * s, 6 * s, 0, "--lease-retry-period: 0s"},
		{"negative", 8 * s, 6 * s, -s, "--lease-retry-period: -1s"},
		{"two leaders", 8 * s, 8 * s, s, "--lease-renew-deadline: 8s: want less than --lease-duration (8s)"},
		{"one try", 8 * s, 6 * s, 3 * s, "--lease-retry-period: 3s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := LeaseOptions{Duration: test.duration, RenewDeadline: test.renew, RetryPeriod: test.retry}
			err := o.Check()
			if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if CheckRequestTimeout(DefaultOptions().RequestTimeout) != nil || CheckRequestTimeout(0) != nil || CheckRequestTimeout(time.Millisecond) == nil || CheckRequestTimeout(-s) == nil {
		t.Error("CheckRequestTimeout accepts or rejects the wrong timeouts")
	}
}

// TestDefaultsSurviveSlowRequests: with round trips of 2 s, a leader that fails once to
// renew its lease has time for a second attempt.
func TestDefaultsSurviveSlowRequests(t *testing.T) {
	t.Parallel()
	const roundTrip = 2 * time.Second
	o := DefaultLeaseOptions()
	if request := o.RenewDeadline / 2; request <= roundTrip {
		t.Errorf("a request for the lease may take %v, want more than %v", request, roundTrip)
	}
	if o.RenewDeadline < o.RenewDeadline/2+roundTrip {
		t.Errorf("no second attempt fits into %v", o.RenewDeadline)
	}
	if timeout := DefaultOptions().RequestTimeout; timeout <= 10*time.Second {
		t.Errorf("a write may take %v, want more than webhooks may by default", timeout)
	}
}
