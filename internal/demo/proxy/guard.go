package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/overrides-mesh/overrides/internal/process"
)

// guardScript reads lines from standard input, which ends when this program ends for any
// reason. It then kills the remaining processes and removes the folder.
const guardScript = `
trap '' HUP INT TERM
watched=
while read -r what id; do
  case $what in
  watch) watched="$watched $id" ;;
  forget)
    rest=
    for one in $watched; do [ "$one" = "$id" ] || rest="$rest $one"; done
    watched=$rest
    ;;
  esac
done
[ -z "$watched" ] || kill -9 $watched 2>/dev/null
rm -rf -- "$1"
`

// Guard is a small process that outlives this one for a moment: it ends the Envoys and
// removes their folder if this program can't, for example because it was killed. Linux
// could kill the Envoys by itself, but not remove the folder; other systems can do
// neither.
type Guard struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	stdin io.WriteCloser
}

// NewGuard starts a guard for a folder, which is removed at the end.
func NewGuard(ctx context.Context, folder string) (*Guard, error) {
	// It must outlive ctx.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", guardScript, "overrides-demo-guard", folder)
	cmd.SysProcAttr = process.OwnGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	return &Guard{cmd: cmd, stdin: stdin}, nil
}

// watch makes the guard responsible for a process.
func (g *Guard) watch(pid int) error { return g.tell("watch", pid) }

// forget ends a watch: the process has ended, and its number may be reused.
func (g *Guard) forget(pid int) error { return g.tell("forget", pid) }

func (g *Guard) tell(what string, pid int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := io.WriteString(g.stdin, what+" "+strconv.Itoa(pid)+"\n"); err != nil {
		return fmt.Errorf("tell the guard: %w", err)
	}
	return nil
}

// Close ends the guard, after it has done its work.
func (g *Guard) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.stdin.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if err := errors.Join(err, g.cmd.Wait()); err != nil {
		return fmt.Errorf("end guard: %w", err)
	}
	return nil
}
