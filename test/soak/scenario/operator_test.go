package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/process"
)

// operator is the real program, present or older, one at a time.
type operator struct {
	mesh *localmesh.Mesh
	// paths are those of the programs, empty where there is none.
	paths map[string]string
	dir   string

	running *process.Process
	logs    []string
}

func (o *operator) start(which string) error {
	if err := o.stop(); err != nil {
		return err
	}
	log := filepath.Join(o.dir, fmt.Sprintf("operator-%d.log", len(o.logs)))
	o.logs = append(o.logs, log)
	var err error
	o.running, err = process.Start(command(o.paths[which], "operator", "--kubeconfig", o.mesh.Kubeconfig, "--keep", "4s",
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0"), log)
	return err
}

func (o *operator) stop() error {
	if o.running == nil {
		return nil
	}
	running := o.running
	o.running = nil
	return running.Stop()
}

// end stops it, and shows what it said to a test that failed.
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
	o.logs = nil
}
