package sample_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/sample"
)

// TestMain lets the test binary be the program, so that signals and exit codes are real.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_SAMPLE") == "" {
		os.Exit(m.Run())
	}
	os.Exit(sample.Main(context.Background(), sample.Process{Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr}))
}

// deadline limits every wait; no test needs more than a fraction of it.
const deadline = 30 * time.Second

type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan struct{}
}

var address = regexp.MustCompile(`msg=listening address=\S*:(\d+)`)

// run starts the program with an environment and returns when it listens.
func run(t *testing.T, env ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	p := &process{t: t, cmd: exec.CommandContext(ctx, os.Args[0]), done: make(chan struct{})}
	p.cmd.Env = append([]string{"TEST_SAMPLE=1", "NAME=a", "VERSION=v2", "PORT=0", "ADDRESS=127.0.0.1"}, env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ports := make(chan string, 1)
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if found := address.FindStringSubmatch(lines.Text()); found != nil {
				ports <- found[1]
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	select {
	case port := <-ports:
		p.url = "http://127.0.0.1:" + port
	case <-p.done:
		t.Fatalf("the program ended: %v", p.cmd.ProcessState)
	}
	return p
}

// get returns the status of a path, or 0 if nothing listens.
func (p *process) get(path string) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	// A kept connection would be served longer than a new one.
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// until polls the program's health until it has that status.
func (p *process) until(status int) {
	p.t.Helper()
	for end := time.Now().Add(deadline); p.get("/healthz") != status; {
		if time.Now().After(end) {
			p.t.Fatalf("/healthz is never %d", status)
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end of the program and returns its exit code; if a signal ended it,
// the number of the signal, negative. At the deadline it sends SIGKILL.
func (p *process) exit() int {
	<-p.done
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestChainOfPrograms(t *testing.T) {
	t.Parallel()
	b := run(t, "NAME=b", "POD_NAME=b-0")
	echo := run(t, "NAME=echo", "MODE=echo", "NEXT=http://127.0.0.1:1/")
	a := run(t, "FORWARD=x-tenant", "NEXT="+b.url+"/, "+echo.url+"/")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-tenant", "blue")
	req.Header.Set("x-override", "b:v2")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := chain.Decode(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answer.String(), "a:v2 → (b:v2, echo:v2)"; got != want || answer.Status != 200 {
		t.Errorf("%d %s, want 200 %s", answer.Status, got, want)
	}
	if call := answer.Calls[0]; call.Pod != "b-0" || call.Request.Headers.Get("x-tenant") != "blue" || call.Request.Headers.Get("x-override") != "b:v2" {
		t.Errorf("b answered %+v", call)
	}
}

func TestReadyAfter(t *testing.T) {
	t.Parallel()
	later := run(t, "READY_AFTER=1h")
	if health, root := later.get("/healthz"), later.get("/"); health != 503 || root != 200 {
		t.Errorf("/healthz %d, / %d; want 503, 200", health, root)
	}
	run(t, "READY_AFTER=20ms").until(200)
}

func TestDrain(t *testing.T) {
	t.Parallel()
	long := run(t, "DRAIN=1h")
	long.until(200)
	long.signal(syscall.SIGTERM)
	long.until(503)
	if status := long.get("/"); status != 200 {
		t.Errorf("/ is %d while it drains", status)
	}
	long.signal(syscall.SIGTERM)
	if code := long.exit(); code != -int(syscall.SIGTERM) {
		t.Errorf("a second signal did not end it: exit code %d", code)
	}

	short := run(t, "DRAIN=10ms")
	short.signal(syscall.SIGTERM)
	if code := short.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestLastRequest: requests in flight when the server closes are answered.
func TestLastRequest(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, `{"service":"b","status":200}`)
	}))
	t.Cleanup(next.Close)
	p := run(t, "DRAIN=1ms", "NEXT="+next.URL)
	status := make(chan int, 1)
	go func() { status <- p.get("/") }()
	<-arrived
	p.signal(syscall.SIGTERM)
	p.until(0)
	close(release)
	if got := <-status; got != 200 {
		t.Errorf("status %d", got)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCrashAfter(t *testing.T) {
	t.Parallel()
	if code := run(t, "CRASH_AFTER=200ms").exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	crash := sample.Config{Name: "a", ListenAfter: time.Hour, CrashAfter: time.Millisecond}
	if err := sample.Run(t.Context(), crash, slog.New(slog.DiscardHandler)); !errors.Is(err, sample.ErrCrashed) {
		t.Errorf("Run: %v", err)
	}
}

// TestControl: requests make the program unready, and crash it, if they may.
func TestControl(t *testing.T) {
	t.Parallel()
	p := run(t, "CONTROL=true")
	p.post("/control/unready?for=300ms", http.StatusOK)
	if status := p.get("/healthz"); status != http.StatusServiceUnavailable {
		t.Errorf("told to be unready: /healthz is %d", status)
	}
	if status := p.get("/"); status != http.StatusOK {
		t.Errorf("told to be unready: / is %d", status)
	}
	p.until(http.StatusOK)
	p.post("/control/unready?for=ever", http.StatusBadRequest)
	p.post("/control/crash", http.StatusOK)
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	other := run(t)
	other.post("/control/crash", http.StatusOK)
	if status := other.get("/healthz"); status != http.StatusOK {
		t.Errorf("told to crash, though nobody may: /healthz is %d", status)
	}
}

// post sends a request that controls the program. A crashed program can't answer.
func (p *process) post(path string, want int) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		p.t.Errorf("%s: %s, want %d", path, response.Status, want)
	}
}

func TestIgnoreTerm(t *testing.T) {
	t.Parallel()
	p := run(t, "IGNORE_TERM=true", "DRAIN=1h")
	p.signal(syscall.SIGTERM)
	for range 20 {
		if status := p.get("/healthz"); status != 200 {
			t.Fatalf("SIGTERM is not ignored: /healthz is %d", status)
		}
	}
	p.signal(os.Interrupt)
	p.until(503)
}

func TestListenAfter(t *testing.T) {
	t.Parallel()
	began := time.Now()
	run(t, "LISTEN_AFTER=60ms")
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("it listens after %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sample.Run(ctx, sample.Config{Name: "a", ListenAfter: time.Hour}, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("ended before it listened: %v", err)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p := run(t, "DELAY=60ms")
	began := time.Now()
	if status := p.get("/"); status != 200 || time.Since(began) < 60*time.Millisecond {
		t.Errorf("status %d after %s", status, time.Since(began))
	}
}

func TestFailFirst(t *testing.T) {
	t.Parallel()
	p := run(t, "FAIL_FIRST=2")
	for attempt, want := range map[string]int{"": 503, "1": 503, "2": 503, "3": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if attempt != "" {
			req.Header.Set("x-envoy-attempt-count", attempt)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := chain.Decode(res.Body)
		if err != nil || answer.Service != "a" || res.StatusCode != want {
			t.Errorf("attempt %q: status %d, want %d; answer %+v, %v", attempt, res.StatusCode, want, answer, err)
		}
	}
	if status := p.get("/healthz"); status != 200 {
		t.Errorf("/healthz is %d", status)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	if err := sample.Run(t.Context(), sample.Config{Address: "127.0.0.1", Port: port}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("Run returned no error")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"":                   "",
		"NEXT=service-2":     "read NEXT",
		"NEXT=ftp://x/":      "read NEXT",
		"PORT=70000":         "read PORT",
		"PORT=http":          "read PORT",
		"MODE=loop":          "read MODE",
		"DELAY=5":            "read DELAY",
		"DRAIN=-1s":          "read DRAIN",
		"FAIL_FIRST=-1":      "read FAIL_FIRST",
		"IGNORE_TERM=please": "read IGNORE_TERM",
	} {
		name, value, _ := strings.Cut(env, "=")
		_, err := sample.Parse(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		if (err == nil) != (want == "") || (err != nil && !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", env, err, want)
		}
	}
}

func TestMainUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args   []string
		getenv func(string) string
		code   int
		stdout bool
	}{
		{[]string{"-h"}, nil, 0, true},
		{[]string{"serve"}, nil, 2, false},
		{nil, func(string) string { return "bad" }, 2, false},
	} {
		var out, errs bytes.Buffer
		code := sample.Main(t.Context(), sample.Process{Args: test.args, Getenv: test.getenv, Stdout: &out, Stderr: &errs})
		if code != test.code || (out.Len() > 0) != test.stdout || (errs.Len() > 0) == test.stdout {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", test.args, code, &out, &errs)
		}
		if test.stdout && !strings.Contains(out.String(), "POD_NAME") {
			t.Errorf("usage without POD_NAME: %s", &out)
		}
	}
}
