package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// The exit codes. exitHelp documents them.
const (
	exitFine        = 0
	exitFindings    = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// exitHelp documents the exit codes.
const exitHelp = `Exit codes:
  0    success
  1    errors in the input (with --strict-diagnostics also warnings), a cluster that
       does not respond; for diff also: there are differences; for prove also: something
       is left out, or with --before ordinary traffic would change; for demo also: a
       request failed or took a wrong path; for grant also: the grant is refused; for trace
       and trail report also: a member was not honoured that --expect names, or any of the
       report, or a service does not forward overrides (--forwarding)
  2    wrong usage: unknown command or flag, bad value of a flag, a path that does not exist
  130  interrupted`

// exitCode returns the exit code of every command.
func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFindings
}

// errReported ends a command that has already reported what is wrong.
var errReported = errors.New("see the diagnostics")

// usageError is an error in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// verdict returns the error with which a command ends that reported these diagnostics.
func verdict(list []diag.Diagnostic, strict bool) error {
	worst, _ := diag.Worst(list)
	return verdictOf(worst, strict)
}

func verdictOf(worst diag.Severity, strict bool) error {
	if worst == diag.Error || (strict && worst == diag.Warning) {
		return errReported
	}
	return nil
}

// complain writes err to stderr, unless that was done already.
func complain(w io.Writer, err error, name string) {
	var usage *usageError
	switch {
	case err == nil || err == errReported: //nolint:errorlint // if joined with others, these must still be written
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "interrupted")
	case errors.As(err, &usage):
		fmt.Fprintf(w, "error: %v\nSee '%s --help'.\n", err, name)
	default:
		for _, e := range apart(err) {
			fmt.Fprintf(w, "error: %v\n", e)
		}
	}
}

// apart returns the errors that err joins, except those that were already reported.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		if !errors.Is(e, errReported) {
			out = append(out, apart(e)...)
		}
	}
	return out
}

// pipe is stdout. The reader may close it when it has read enough: this is not an error,
// and the rest of the output is dropped.
type pipe struct {
	w      io.Writer
	closed bool
}

func (p *pipe) Write(data []byte) (int, error) {
	if p.closed {
		return len(data), nil
	}
	n, err := p.w.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		p.closed = true
		return len(data), nil
	}
	return n, err
}
