package cli_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/overrides-mesh/overrides/internal/cli"
)

var update = flag.Bool("update", false, "rewrite what scripts compare with")

func TestMain(m *testing.M) {
	run := func() {
		os.Exit(cli.Main(context.Background(), os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	testscript.Main(m, map[string]func(){"overrides": run, "kubectl-overrides": run})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	linked := map[string]string{"examples": "../../examples", "recipes": "../../docs/recipes", "action": "../../.github/actions/preview"}
	for name, path := range linked {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		linked[name] = absolute
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			for name, path := range linked {
				if err := os.Symlink(path, filepath.Join(env.WorkDir, name)); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"rc": exitsWith, "cluster": serveCluster, "serve": serveFiles, "trail": serveTrail},
	})
}

// exitsWith is the command "rc CODE PROGRAM ARG...", which fails unless the
// program ends with that exit code.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
