package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/overrides-mesh/overrides/internal/process"
)

const (
	readyTimeout = 60 * time.Second
	pollInterval = 20 * time.Millisecond
)

// errEnded means that a program ended before it was ready.
var errEnded = errors.New("ended before it was ready")

// command describes a program, and how to find out that it is ready.
type command struct {
	path string
	// as is its name, unless that is the file's name.
	as   string
	args []string
	// env is added to this process's environment.
	env []string
	// dir is the working directory; the log is dir/name.log.
	dir   string
	ready func(context.Context) error
}

func (c command) name() string { return cmp.Or(c.as, filepath.Base(c.path)) }

// child is a started program.
type child struct {
	*process.Process

	command command
}

// startChild runs a program; the log keeps the output of earlier runs.
func startChild(c command) (*child, error) {
	// The program outlives the start, so no context ends it: Stop does.
	cmd := exec.Command(c.path, c.args...) //nolint:noctx // see above
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	started, err := process.Start(cmd, filepath.Join(c.dir, c.name()+".log"))
	if err != nil {
		return nil, err
	}
	return &child{Process: started, command: c}, nil
}

// waitReady polls until the program is ready. If the program ends before that, it returns
// an error with the end of the log.
func (c *child) waitReady(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, readyTimeout, true, func(ctx context.Context) (bool, error) {
		select {
		case <-c.Ended():
			return false, fmt.Errorf("%s %w: %v\n%s", c.command.name(), errEnded, c.State(), c.Tail())
		default:
		}
		last = c.command.ready(ctx)
		return last == nil, nil
	})
	if err != nil && wait.Interrupted(err) {
		return fmt.Errorf("%s is not ready: %w\n%s", c.command.name(), errors.Join(err, last), c.Tail())
	}
	return err
}
