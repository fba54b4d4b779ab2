package scale

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/port"
)

// operatorProcess is a running operator.
type operatorProcess struct {
	*process.Process

	began            time.Time
	metrics, profile string
}

// startOperator runs the program at path, for the labelled namespaces. Serving profiles
// needs a little more memory.
func (c *Cluster) startOperator(ctx context.Context, path string, profiled bool, flags []string) (*operatorProcess, error) {
	free, err := port.Free(ctx, 3)
	if err != nil {
		return nil, err
	}
	for i := range free {
		free[i] = net.JoinHostPort("127.0.0.1", free[i])
	}
	args := append([]string{
		"operator", "--kubeconfig", c.operator, "--istiod-sync=off", // there is none
		"--gateway-policies", "--gateway-default=Strip", // the chart's defaults
		"--metrics-bind-address", free[0], "--health-probe-bind-address", free[1],
	}, flags...)
	if profiled {
		args = append(args, "--pprof-bind-address", free[2])
	}
	o := &operatorProcess{began: time.Now(), metrics: "http://" + free[0] + "/metrics", profile: "http://" + free[2] + "/debug/pprof/"}
	// The operator outlives the start, so no context ends it.
	o.Process, err = process.Start(exec.Command(path, args...), filepath.Join(c.dir, fmt.Sprintf("operator-%d.log", o.began.UnixMilli()))) //nolint:noctx // see above
	return o, err
}

// looked reports whether the operator has looked at the whole cluster.
func (o *operatorProcess) looked(ctx context.Context) (bool, error) {
	body, err := get(ctx, o.metrics)
	if err != nil {
		select {
		case <-o.Ended():
			return false, fmt.Errorf("the operator has ended:\n%s", o.Tail())
		default:
			return false, nil // it does not listen yet
		}
	}
	return number(body, "overrides_reconcile_duration_seconds_count") > 0, nil
}

// looks returns the number of looks at the cluster, and their total duration.
func (o *operatorProcess) looks(ctx context.Context) (count float64, took time.Duration, err error) {
	body, err := get(ctx, o.metrics)
	if err != nil {
		return 0, 0, fmt.Errorf("get metrics: %w", err)
	}
	seconds := number(body, "overrides_reconcile_duration_seconds_sum")
	return number(body, "overrides_reconcile_duration_seconds_count"), time.Duration(seconds * float64(time.Second)), nil
}

// number returns a metric without labels; 0 if it is missing.
func number(metrics []byte, name string) float64 {
	for line := range strings.Lines(string(metrics)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return n
		}
	}
	return 0
}

// keepProfile writes a memory or processor profile of the operator to dir.
func (o *operatorProcess) keepProfile(ctx context.Context, dir, name, query string) error {
	if dir == "" {
		return nil
	}
	body, err := get(ctx, o.profile+query)
	if err != nil {
		return fmt.Errorf("get a profile: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for profiles: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, name+".pprof"), body, 0o644)
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
