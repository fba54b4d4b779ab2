package script_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/script"
)

// along is an answer of a chain of services.
func along(path ...string) chain.Answer {
	name, version, _ := strings.Cut(path[0], ":")
	a := chain.Answer{Service: name, Version: version, Status: http.StatusOK}
	if failed, _, broken := strings.Cut(path[0], "!"); broken {
		a = chain.Answer{Service: failed, Status: http.StatusServiceUnavailable, Error: "unavailable"}
	}
	if len(path) > 1 {
		a.Calls = []chain.Answer{along(path[1:]...)}
	}
	return a
}

// right answers each step correctly.
func right(_ context.Context, r script.Request) (script.Response, error) {
	for _, s := range script.Talk() {
		if s.Request.String() == r.String() {
			status := http.StatusOK
			if s.Status != 0 {
				status = s.Status
			}
			return script.Response{Status: status, Answer: along(s.Path...)}, nil
		}
	}
	return script.Response{}, errors.New("that is not in the talk")
}

func TestPlay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := script.Play(t.Context(), &out, script.Talk(), script.Options{Send: right}); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("it has colours")
	}
}

func TestPlayNotices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		response script.Response
		err      error
		says     string
	}{
		"a wrong path":   {script.Response{Status: 200, Answer: along("a:v1", "b:v1")}, nil, "✗ a:v1 → b:v1\n"},
		"a longer path":  {script.Response{Status: 200, Answer: along("a:v1", "b:v2", "c:v1")}, nil, "✗ a:v1 → b:v2 → c:v1\n"},
		"a wrong status": {script.Response{Status: 500, Answer: along("a:v1", "b:v2")}, nil, "got status 500"},
		"no answer":      {script.Response{}, errors.New("connection refused"), "✗ connection refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			step := script.Step{Title: "title", Request: script.Request{Service: "a", Method: "GET"}, Path: []string{"a:v1", "b:v2"}}
			sent := 0
			err := script.Play(t.Context(), &out, []script.Step{step, step}, script.Options{
				Send: func(context.Context, script.Request) (script.Response, error) {
					sent++
					return test.response, test.err
				},
			})
			if !errors.Is(err, script.ErrWrong) || sent != 2 {
				t.Errorf("%v, after %d requests", err, sent)
			}
			if !strings.Contains(out.String(), test.says) || !strings.Contains(out.String(), "2 of 2 requests took a wrong path") {
				t.Errorf("it does not say %q:\n%s", test.says, &out)
			}
		})
	}
}

// TestPlayEnds: an interrupted play does not continue with the next request.
func TestPlayEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	err := script.Play(ctx, &bytes.Buffer{}, script.Talk(), script.Options{
		Send: func(ctx context.Context, _ script.Request) (script.Response, error) {
			sent++
			cancel()
			return script.Response{}, ctx.Err()
		},
	})
	if !errors.Is(err, context.Canceled) || sent != 1 {
		t.Errorf("%v, after %d requests", err, sent)
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	steps := slices.DeleteFunc(script.Talk(), func(s script.Step) bool { return s.Status == 0 })
	err := script.Play(t.Context(), &out, steps, script.Options{
		Color: true, Command: func(r script.Request) string { return r.Curl("http://proxy") },
		Send: func(context.Context, script.Request) (script.Response, error) {
			header := http.Header{"X-Override-Error": {"why"}}
			return script.Response{Status: http.StatusServiceUnavailable, Header: header, Answer: along("service-1:v1", "service-2:v2", "service-3!503")}, nil
		},
	})
	if !errors.Is(err, script.ErrWrong) {
		t.Error(err)
	}
	want := "\x1b[1mStrict: an error instead of another version\x1b[0m\n" +
		"\x1b[2m$ curl -x http://proxy -H 'x-override: service-3:v9;strict' http://service-1/\x1b[0m\n" +
		"\x1b[31m✗\x1b[0m service-1:v1 → \x1b[31mservice-2:v2\x1b[0m → \x1b[33mservice-3!503\x1b[0m\n"
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Error(cmp.Diff(want, got[:min(len(want), len(got))]))
	}
	if !strings.Contains(out.String(), "x-override-error: why") {
		t.Errorf("it does not say why:\n%s", &out)
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	r := script.Request{Service: "a", Method: http.MethodPost, Header: http.Header{"X-Override": {"b:v2", "c:v2;method=POST"}}}
	want := "curl -x http://127.0.0.1:8080 -X POST -H 'x-override: b:v2' -H 'x-override: c:v2;method=POST' http://a/"
	if got := r.Curl("http://127.0.0.1:8080"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r = script.Request{Service: "a", Method: http.MethodGet, From: "b-v1", Header: http.Header{"X-Override-Token": {"eyJoZWFk.cGF5bG9hZA.c2lnbmVk"}}}
	want = "curl --unix-socket /tmp/socket -H 'x-override-token: eyJ…lnbmVk' http://a/"
	if got := r.Curl("/tmp/socket"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
