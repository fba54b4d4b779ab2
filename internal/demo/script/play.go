package script

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Sender sends a request and returns the answer, whatever its status. An error means that
// there was no answer.
type Sender func(ctx context.Context, r Request) (Response, error)

// Options are settings of [Play].
type Options struct {
	Send Sender
	// Command returns a request as an equivalent command, for people to try.
	Command func(Request) string
	Color   bool
}

// ErrWrong means that a request took another path than it should.
var ErrWrong = errors.New("requests took a wrong path")

// Play sends the requests of steps, one after the other, and draws the path of each. It
// continues after a wrong one, and returns ErrWrong at the end.
func Play(ctx context.Context, w io.Writer, steps []Step, o Options) error {
	wrong := 0
	for i := range steps {
		if i > 0 {
			fmt.Fprintln(w)
		}
		ok, err := play(ctx, w, &steps[i], &o)
		if err != nil {
			return err
		}
		if !ok {
			wrong++
		}
	}
	fmt.Fprintln(w)
	p := paint(o.Color)
	if wrong > 0 {
		fmt.Fprintln(w, p.red(fmt.Sprintf("%d of %d requests took a wrong path", wrong, len(steps))))
		return fmt.Errorf("%d of %d %w", wrong, len(steps), ErrWrong)
	}
	fmt.Fprintln(w, p.green(fmt.Sprintf("all %d requests took the right path", len(steps))))
	return nil
}

func play(ctx context.Context, w io.Writer, s *Step, o *Options) (bool, error) {
	p := paint(o.Color)
	fmt.Fprintln(w, p.bold(s.Title))
	if o.Command != nil {
		fmt.Fprintln(w, p.dim("$ "+o.Command(s.Request)))
	} else {
		fmt.Fprintln(w, p.dim(s.Request.String()))
	}
	response, err := o.Send(ctx, s.Request)
	if err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		fmt.Fprintln(w, p.red("✗ "+err.Error()))
		return false, nil
	}
	got, status := response.Answer.Path(), cmp.Or(s.Status, http.StatusOK)
	ok := slices.Equal(got, s.Path) && response.Status == status
	fmt.Fprintln(w, mark(p, ok)+" "+draw(p, got, s.Path))
	if !ok {
		fmt.Fprintf(w, "  wanted %s, status %d; got status %d\n", strings.Join(s.Path, arrow), status, response.Status)
	}
	if why := response.Header.Get("x-override-error"); why != "" {
		fmt.Fprintln(w, p.dim("  "+fmt.Sprint(response.Status)+", x-override-error: "+why))
	}
	return ok, nil
}

// String returns a request as in "POST service-1, x-override: service-3:v2".
func (r Request) String() string {
	return strings.Join(append([]string{r.Method + " " + r.Service}, r.lines()...), ", ")
}

// lines are the lines of the carriers. Of a token, there are only the first and the last
// characters.
func (r Request) lines() []string {
	const first, last = 3, 6
	var out []string
	for _, name := range []string{tokenHeader, header, "Baggage"} {
		for _, line := range r.Header[name] {
			if name == tokenHeader && len(line) > first+last {
				line = line[:first] + "…" + line[len(line)-last:]
			}
			out = append(out, strings.ToLower(name)+": "+line)
		}
	}
	return out
}

// Curl returns a request as a curl command through the proxy at an address, or through that of
// a workload, at the path of a socket.
func (r Request) Curl(proxy string) string {
	words := []string{"curl", "-x", proxy}
	if r.From != "" {
		words = []string{"curl", "--unix-socket", proxy}
	}
	if r.Method != http.MethodGet {
		words = append(words, "-X", r.Method)
	}
	for _, line := range r.lines() {
		words = append(words, "-H", "'"+line+"'")
	}
	return strings.Join(append(words, "http://"+r.Service+"/"), " ")
}

const arrow = " → "

// draw draws a path: wrong parts are red, and versions other than v1 stand out.
func draw(p paint, got, want []string) string {
	out := make([]string, len(got))
	for i, hop := range got {
		switch {
		case i >= len(want) || hop != want[i]:
			out[i] = p.red(hop)
		case strings.Contains(hop, "!"):
			out[i] = p.yellow(hop)
		case !strings.HasSuffix(hop, ":v1"):
			out[i] = p.green(hop)
		default:
			out[i] = hop
		}
	}
	return strings.Join(out, arrow)
}

func mark(p paint, ok bool) string {
	if ok {
		return p.green("✓")
	}
	return p.red("✗")
}

// paint colours text if it is true.
type paint bool

func (p paint) with(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) bold(text string) string   { return p.with("1", text) }
func (p paint) dim(text string) string    { return p.with("2", text) }
func (p paint) red(text string) string    { return p.with("31", text) }
func (p paint) green(text string) string  { return p.with("32", text) }
func (p paint) yellow(text string) string { return p.with("33", text) }
