package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/load"
)

// block is one kind of request to one Service, and its measurements.
type block struct {
	service service
	kind    string
	// header is the value of the override header, empty for none.
	header string
	// want is the version that must answer.
	want    string
	samples []sample
}

// sample is one measurement.
type sample struct {
	requests int
	took     time.Duration
	// cpu is the proxy's CPU time, user and system.
	cpu     time.Duration
	latency load.Histogram
}

func blocks(all []service) []*block {
	var out []*block
	for _, s := range all {
		out = append(out, &block{service: s, kind: "ordinary", want: released})
		if s.versions > 0 {
			out = append(out, &block{service: s, kind: "last", header: s.name + ":" + last, want: last})
		}
		out = append(out, &block{service: s, kind: "miss", header: s.name + ":none", want: released})
	}
	return out
}

// run sends requests for a time, by the given number of workers, each as fast as answers
// arrive.
func (b *block) run(ctx context.Context, client *http.Client, pid, workers int, d time.Duration) error {
	var failed atomic.Pointer[error]
	histograms := make([]load.Histogram, workers)
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for time.Since(began) < d && failed.Load() == nil {
				sent := time.Now()
				if err := b.send(ctx, client); err != nil {
					failed.Store(&err)
				}
				histograms[w].Add(time.Since(sent))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	after, err := cpuTime(pid)
	if first := failed.Load(); first != nil {
		err = errors.Join(err, *first)
	}
	if err != nil {
		return fmt.Errorf("%s to %s: %w", b.kind, b.service.name, err)
	}
	s := sample{took: took, cpu: after - before}
	for i := range histograms {
		s.latency.Merge(&histograms[i])
	}
	s.requests = s.latency.Total()
	b.samples = append(b.samples, s)
	return nil
}

// send sends one request and expects the right version to answer.
func (b *block) send(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.service.name+"/", nil)
	if err != nil {
		return err
	}
	if b.header != "" {
		request.Header.Set("X-Override", b.header)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	if err != nil {
		return fmt.Errorf("answered %s: %w", response.Status, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	if answer.Version != b.want {
		return fmt.Errorf("answered by %s, want %s", answer.Version, b.want)
	}
	return nil
}

// cpuTime returns the CPU time of a process's threads (proc(5): the first field of
// schedstat, in nanoseconds).
func cpuTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("find the threads of process %d: %w", pid, err)
	}
	var total time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		first, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// findProxy returns the process of the only Envoy here.
func findProxy(dir string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, file := range files {
		// Processes come and go.
		data, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(data), dir) || !strings.Contains(string(data), "--concurrency") {
			continue
		}
		if found != 0 {
			return 0, errors.New("find the proxy: there are several")
		}
		if found, err = strconv.Atoi(filepath.Base(filepath.Dir(file))); err != nil {
			return 0, err
		}
	}
	if found == 0 {
		return 0, errors.New("find the proxy: there is none")
	}
	return found, nil
}
