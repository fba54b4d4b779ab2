package demo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo"
	answers "github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/traffic"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// followed is a demo that follows a folder.
type followed struct {
	*output
	dir, url string
	stop     context.CancelFunc
	ended    chan struct{}
	err      error
}

func follow(t *testing.T) *followed {
	t.Helper()
	return followDir(t, chain(t))
}

func followDir(t *testing.T, dir string) *followed {
	t.Helper()
	o, out := options(t)
	f := &followed{output: out, dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d/", o.Port), ended: make(chan struct{})}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(t.Context())
	go func() {
		defer close(f.ended)
		f.err = demo.Follow(ctx, o, demo.FollowOptions{
			Dir: f.dir, Model: model.DefaultOptions(), Tell: func(list []diag.Diagnostic) {
				for _, d := range list {
					fmt.Fprintln(out, d.Code)
				}
			},
		})
	}()
	t.Cleanup(func() {
		f.stop()
		<-f.ended
	})
	f.await(t, "following "+f.dir, 1, f.ended)
	return f
}

// ask returns the path of a request.
func (f *followed) ask(t *testing.T, override string) string {
	t.Helper()
	path, err := f.send(t.Context(), override)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (f *followed) send(ctx context.Context, override string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return "", err
	}
	if override != "" {
		req.Header.Set("x-override", override)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := answers.Decode(res.Body)
	return answer.String(), err
}

// end stops the demo and returns its counts.
func (f *followed) end(t *testing.T) traffic.Counts {
	t.Helper()
	f.stop()
	<-f.ended
	var c traffic.Counts
	lines := strings.Split(strings.TrimSpace(f.String()), "\n")
	last := lines[len(lines)-1]
	_, err := fmt.Sscanf(last, "%d ordinary and %d override requests, %d failed, %d misrouted", &c.Ordinary, &c.Override, &c.Failed, &c.Misrouted)
	if err != nil {
		t.Fatalf("no counts in %q:\n%s", last, f)
	}
	return c
}

// hammer requests a version repeatedly until stop is called, which returns the number of
// requests. Whether or not the version exists, some version must answer each.
func (f *followed) hammer(t *testing.T, override string) (stop func() int) {
	t.Helper()
	quit := make(chan struct{})
	var done sync.WaitGroup
	n := 0
	done.Go(func() {
		for ; ; n++ {
			select {
			case <-quit:
				return
			default:
			}
			if got, err := f.send(t.Context(), override); err != nil || strings.Contains(got, "!") {
				t.Errorf("request %d went %s: %v", n, got, err)
				return
			}
		}
	})
	return func() int {
		close(quit)
		done.Wait()
		return n
	}
}

// TestFollow: versions come and go under load, and no request is lost.
func TestFollow(t *testing.T) {
	t.Parallel()
	f := follow(t)
	v3 := filepath.Join(f.dir, "v3.yaml")
	// It delays its answers, so that requests are in flight when it goes.
	slow := bytes.Replace(deploymentOf(t, "v3"), []byte("- name: NAME"), []byte("- {name: DELAY, value: 20ms}\n        - name: NAME"), 1)
	if !bytes.Contains(slow, []byte("DELAY")) {
		t.Fatal("the manifest has no place for a delay")
	}
	stop := f.hammer(t, "service-3:v3")
	for round := range 3 {
		writeFile(t, v3, slow)
		f.await(t, "+ service-3.chain:v3 takes requests", round+1, f.ended)
		if got := f.ask(t, "service-3:v3;strict"); !strings.Contains(got, "service-3:v3") {
			t.Errorf("round %d: v3 is there, and the request went %s", round, got)
		}
		if got := f.ask(t, ""); strings.Contains(got, "v3") {
			t.Errorf("round %d: an ordinary request went %s", round, got)
		}
		if err := os.Remove(v3); err != nil {
			t.Fatal(err)
		}
		f.await(t, "- service-3.chain:v3 is gone", round+1, f.ended)
		if got := f.ask(t, "service-3:v3;strict"); !strings.Contains(got, "service-3!503") {
			t.Errorf("round %d: v3 is gone, and the request went %s", round, got)
		}
	}
	if n := stop(); n == 0 {
		t.Error("no request asked for v3")
	}
	counts := f.end(t)
	if f.err != nil || counts.Wrong() != 0 {
		t.Errorf("%v\n%s", f.err, f)
	}
	if counts.Ordinary == 0 || counts.Override == 0 {
		t.Errorf("that was no load: %s", counts)
	}
}

// TestFollowBroken: a folder that can't be used changes nothing.
func TestFollowBroken(t *testing.T) {
	t.Parallel()
	f := follow(t)
	bad := filepath.Join(f.dir, "bad.yaml")
	writeFile(t, bad, []byte("kind: ["))
	f.await(t, "BrokenDocument\nthe manifests have errors: nothing changes\n", 1, f.ended)
	if got := f.ask(t, "service-3:v2"); !strings.Contains(got, "service-3:v2") {
		t.Errorf("the request went %s", got)
	}
	// Correct manifests in the same folder are applied as soon as all are correct.
	writeFile(t, bad, deploymentOf(t, "v4"))
	f.await(t, "+ service-3.chain:v4 takes requests", 1, f.ended)
	if counts := f.end(t); f.err != nil || counts.Wrong() != 0 {
		t.Errorf("%v\n%s", f.err, f)
	}
}

// TestFollowCountsLosses: a version whose service calls a host that does not exist is
// noticed, and causes an error.
func TestFollowCountsLosses(t *testing.T) {
	t.Parallel()
	f := follow(t)
	broken := strings.ReplaceAll(string(deploymentOf(t, "v5")), "http://service-4/", "http://nobody/")
	writeFile(t, filepath.Join(f.dir, "v5.yaml"), []byte(broken))
	f.await(t, "+ service-3.chain:v5 takes requests", 1, f.ended)
	f.await(t, "service-3:v5 → nobody!404", 1, f.ended)
	_ = f.end(t)
	if !errors.Is(f.err, demo.ErrLost) {
		t.Errorf("got %v\n%s", f.err, f)
	}
}

// TestFollowOtherPort: a Service need not be on port 80, neither for the load nor for the
// printed commands.
func TestFollowOtherPort(t *testing.T) {
	t.Parallel()
	dir := chain(t)
	for _, name := range []string{"service-1", "service-5"} {
		text := strings.Replace(readFile(t, name+".yaml"), "port: 80\n", "port: 5000\n", 1)
		writeFile(t, filepath.Join(dir, name+".yaml"), []byte(text))
	}
	text := strings.ReplaceAll(readFile(t, "service-4.yaml"), "http://service-5/", "http://service-5:5000/")
	writeFile(t, filepath.Join(dir, "service-4.yaml"), []byte(text))
	f := followDir(t, dir)
	if got := f.ask(t, "service-1:v2, service-5:v2"); !strings.HasPrefix(got, "service-1:v2") || !strings.Contains(got, "service-5:v2") {
		t.Errorf("the request went %s", got)
	}
	writeFile(t, filepath.Join(dir, "v3.yaml"), deploymentOf(t, "v3"))
	f.await(t, "+ service-3.chain:v3 takes requests", 1, f.ended)
	if counts := f.end(t); f.err != nil || counts.Wrong() != 0 || counts.Ordinary == 0 || counts.Override == 0 {
		t.Errorf("%v\n%s", f.err, f)
	}
}

// TestFollowEndsUnanswered: if no request of the load is answered at all, the demo ends
// by itself and prints the URL.
func TestFollowEndsUnanswered(t *testing.T) {
	t.Parallel()
	dir := chain(t)
	text := strings.ReplaceAll(readFile(t, "service-5.yaml"), "http://db-shim/", "http://nobody/")
	writeFile(t, filepath.Join(dir, "service-5.yaml"), []byte(text))
	f := followDir(t, dir)
	select {
	case <-f.ended:
	case <-time.After(deadline):
		t.Fatalf("it goes on:\n%s", f)
	}
	if !errors.Is(f.err, demo.ErrUnanswered) || !strings.Contains(f.err.Error(), "requests to http://service-1/ failed") {
		t.Errorf("got %v\n%s", f.err, f)
	}
}
