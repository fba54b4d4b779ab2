package demo_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo"
	"github.com/overrides-mesh/overrides/internal/demo/script"
	"github.com/overrides-mesh/overrides/internal/model"
)

func freePort(t *testing.T) uint16 {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.AddrPort().Port()
}

// TestScript: every request of the demo takes the right path through real Envoys, and is
// drawn.
func TestScript(t *testing.T) {
	t.Parallel()
	o, out := options(t)
	state, err := demo.Embedded(t.Context(), examples.Chain, "chain", model.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Script(t.Context(), o, state); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	steps := script.Talk()
	if len(steps) < 10 {
		t.Errorf("the script has %d steps", len(steps))
	}
	for _, step := range steps {
		if path := "✓ " + strings.Join(step.Path, " → ") + "\n"; !strings.Contains(out.String(), path) {
			t.Errorf("%s: not drawn: %s", step.Title, path)
		}
	}
	if !isEmpty(t, o.TempDir) {
		t.Error("it left files behind")
	}
}

// TestScriptNoticesWrongPaths: without service-3 v2, no request reaches it, and no strict
// request fails.
func TestScriptNoticesWrongPaths(t *testing.T) {
	t.Parallel()
	o, out := options(t)
	dir := chain(t)
	text := readFile(t, "service-3.yaml")
	writeFile(t, filepath.Join(dir, "service-3.yaml"), []byte(text[:strings.LastIndex(text, "\n---\n")]))
	err := demo.Script(t.Context(), o, folder(t, dir))
	if !errors.Is(err, script.ErrWrong) || !strings.Contains(out.String(), "4 of 10 requests took a wrong path") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPortTaken: it is an error if the requested port is taken, and nothing remains of
// what had been started.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address, _ := listener.Addr().(*net.TCPAddr)
	o.Port = address.AddrPort().Port()
	err = demo.Run(t.Context(), o, folder(t, chain(t)))
	if err == nil || !strings.Contains(err.Error(), "is taken by another program") {
		t.Errorf("got %v", err)
	}
	if !isEmpty(t, o.TempDir) {
		t.Error("it left files behind")
	}
}

// TestEnvoyThatFails: the error contains Envoy's last output.
func TestEnvoyThatFails(t *testing.T) {
	t.Parallel()
	o := demo.Options{Envoy: filepath.Join(t.TempDir(), "envoy"), TempDir: t.TempDir(), Port: freePort(t), Out: &output{}, Err: &output{}}
	if err := os.WriteFile(o.Envoy, []byte("#!/bin/sh\necho these are my last words\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := demo.Run(t.Context(), o, folder(t, chain(t)))
	if err == nil || !strings.Contains(err.Error(), "exit status 3\nthese are my last words") {
		t.Errorf("got %v", err)
	}
	if !isEmpty(t, o.TempDir) {
		t.Error("it left files behind")
	}
}

// TestTrustScript: only a valid token leads anywhere, from outside and from within, and nothing
// that is not one makes a request fail.
func TestTrustScript(t *testing.T) {
	t.Parallel()
	o, out := options(t)
	o.Trust = true
	state, err := demo.Embedded(t.Context(), examples.Chain, "chain", model.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Script(t.Context(), o, state); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out.String(), "all 9 requests took the right path\n") {
		t.Errorf("not all were sent:\n%s", out)
	}
	for _, path := range []string{
		"service-1:v1 → service-2:v1 → service-3:v2 → service-4:v1 → service-5:v2 → db-shim:v1",
		"service-3:v1 → service-4:v1 → service-5:v1 → db-shim:v1",
	} {
		if !strings.Contains(out.String(), "✓ "+path+"\n") {
			t.Errorf("not drawn: %s\n%s", path, out)
		}
	}
	if !strings.Contains(out.String(), "x-override-token: eyJ…") {
		t.Errorf("tokens are not shortened:\n%s", out)
	}
}

// TestTrustScriptNoticesTrust: in a demo whose Envoys follow the header, the script finds that
// bare headers are followed and tokens are not.
func TestTrustScriptNoticesTrust(t *testing.T) {
	t.Parallel()
	o, out := options(t)
	state, err := demo.Embedded(t.Context(), examples.Chain, "chain", model.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	world, err := demo.Start(t.Context(), o, state)
	defer func() {
		if err := world.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err != nil {
		t.Fatal(err)
	}
	send := script.Over(world.Client())
	wrong := 0
	for _, step := range script.Trust(&script.Tokens{Valid: "a", Forged: "b", Expired: "c"}) {
		response, err := send(t.Context(), step.Request)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(response.Answer.Path(), " ") != strings.Join(step.Path, " ") {
			wrong++
		}
	}
	if wrong != 6 {
		t.Errorf("%d steps are wrong, want 6: both bare headers, three with a token alone or beside, one within\n%s", wrong, out)
	}
}
