package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"nothing":                 {nil, 0},
		"findings":                {errReported, 1},
		"any other error":         {errors.New("x"), 1},
		"usage":                   {usagef("x"), 2},
		"usage, wrapped":          {fmt.Errorf("--against: %w", usagef("x")), 2},
		"usage, joined":           {errors.Join(errors.New("x"), usagef("x")), 2},
		"interrupted":             {fmt.Errorf("list: %w", context.Canceled), 130},
		"an error":                {verdict([]diag.Diagnostic{diag.New(diag.BrokenDocument, diag.Object{}, "x")}, false), 1},
		"a warning":               {verdict([]diag.Diagnostic{diag.New(diag.NoServices, diag.Object{}, "x")}, false), 0},
		"a warning, strict":       {verdict([]diag.Diagnostic{diag.New(diag.NoServices, diag.Object{}, "x")}, true), 1},
		"an info, strict":         {verdict([]diag.Diagnostic{diag.New(diag.NoHTTPPort, diag.Object{}, "x")}, true), 0},
		"no diagnostic":           {verdict(nil, true), 0},
		"deadline, not our doing": {context.DeadlineExceeded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := exitCode(test.err); got != test.want {
				t.Errorf("exitCode(%v) = %d, want %d", test.err, got, test.want)
			}
		})
	}
}

// closedPipe is a pipe that accepts a few bytes and is then closed by its reader.
type closedPipe struct{ room int }

func (p *closedPipe) Write(data []byte) (int, error) {
	if len(data) > p.room {
		return 0, fmt.Errorf("write stdout: %w", syscall.EPIPE)
	}
	p.room -= len(data)
	return len(data), nil
}

// TestReaderThatHasSeenEnough: "overrides generate | head" is not an error.
func TestReaderThatHasSeenEnough(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	code := Main(t.Context(), []string{"overrides", "generate", "-f", "../../examples/chain"},
		Streams{In: strings.NewReader(""), Out: &closedPipe{room: 100}, Err: &errs})
	if code != exitFine || errs.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, &errs)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestOutputThatCannotBeWritten: every command that writes returns an error.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	input := []string{"-f", "../../examples/chain"}
	for _, args := range [][]string{
		append([]string{"generate"}, input...),
		append([]string{"generate", "-o", "json"}, input...),
		append([]string{"versions"}, input...),
		append([]string{"explain", "--to", "service-3.chain"}, input...),
		append([]string{"explain", "--to", "service-3.chain", "-o", "dot"}, input...),
		append([]string{"check", "-o", "sarif"}, input...),
		append([]string{"diff", "--against", "testdata", "-o", "name"}, input...),
		{"header", "a:b"},
		{"version"},
	} {
		var errs bytes.Buffer
		code := Main(t.Context(), append([]string{"overrides"}, args...), Streams{In: strings.NewReader(""), Out: fullDisk{}, Err: &errs})
		if code != exitFindings || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, &errs)
		}
	}
}

// TestInterrupted: a cancelled context ends a command, even one that waits for stdin, and
// is not reported as another error.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	silent, typist := io.Pipe()
	t.Cleanup(func() { _ = typist.Close() })
	for _, input := range []string{"../../examples/chain", "-"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var errs bytes.Buffer
		code := Main(ctx, []string{"overrides", "generate", "-f", input}, Streams{In: silent, Out: io.Discard, Err: &errs})
		if code != exitInterrupted || errs.String() != "interrupted\n" {
			t.Errorf("-f %s: exit code %d, stderr %q", input, code, &errs)
		}
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"x-override: a:b":  `'x-override: a:b'`,
		"it's $(touch me)": `'it'\''s $(touch me)'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestDisplayName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"overrides": "overrides", "/usr/bin/overrides": "overrides", "kubectl-overrides": "kubectl overrides",
		"/x/kubectl-overrides.exe": "kubectl overrides", "/tmp/go-build1/overrides.test": "overrides",
	} {
		if got := displayName(in); got != want {
			t.Errorf("displayName(%q) = %q, want %q", in, got, want)
		}
	}
}
