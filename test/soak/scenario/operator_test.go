package scenario_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// operator is the real program, present or older, one at a time.
type operator struct {
	mesh *localmesh.Mesh
	// paths are the paths of the programs, empty if there is none.
	paths map[string]string
	dir   string
	// flags are the flags of a mode.
	flags []string
	// metrics and probes are its addresses, once await has set them.
	metrics, probes string

	running *process.Process
	logs    []string
}

func (o *operator) start(which string) error {
	if err := o.stop(); err != nil {
		return err
	}
	log := filepath.Join(o.dir, fmt.Sprintf("operator-%d.log", len(o.logs)))
	o.logs = append(o.logs, log)
	args := slices.Concat([]string{"operator", "--kubeconfig", o.mesh.Kubeconfig, "--drain-delay", "4s"}, o.flags)
	if o.metrics == "" {
		args = append(args, "--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	} else {
		args = append(args, "--metrics-bind-address", o.metrics, "--health-probe-bind-address", o.probes)
	}
	var err error
	o.running, err = process.Start(command(o.paths[which], args...), log)
	return err
}

// await starts the present program, and waits until it is ready.
func (o *operator) await(t *testing.T) {
	t.Helper()
	o.metrics, o.probes = programtest.FreeAddress(t), programtest.FreeAddress(t)
	if err := o.start("present"); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, time.Minute, 100*time.Millisecond, "the operator", func(ctx context.Context) string {
		if _, err := get(ctx, "http://"+o.probes+"/readyz"); err != nil {
			return err.Error()
		}
		return ""
	})
}

// metric returns a counter of the operator, 0 if it is missing.
func (o *operator) metric(ctx context.Context, name string) (float64, error) {
	text, err := get(ctx, "http://"+o.metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, nil
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, text)
	}
	return string(text), err
}

func (o *operator) stop() error {
	if o.running == nil {
		return nil
	}
	running := o.running
	o.running = nil
	return running.Stop()
}

// end stops it, and shows its log if the test has failed.
func (o *operator) end(t *testing.T) {
	t.Helper()
	if err := o.stop(); err != nil {
		t.Log(err)
	}
	for _, log := range o.logs {
		if text, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(log), text)
		}
	}
	o.logs, o.flags, o.metrics, o.probes = nil, nil, "", ""
}
