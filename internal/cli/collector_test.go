package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// serveTrail is the command "trail FILE VARIABLE", which serves an application, and a collector that
// has the records of a file, a line of JSON each. The IDs and the times in them become those of the
// last request that the application got. The variable is set to the address.
func serveTrail(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trail FILE VARIABLE")
	}
	p := &player{}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var r trail.Record
		ts.Check(json.Unmarshal([]byte(line), &r))
		p.records = append(p.records, r)
	}
	server := httptest.NewServer(p)
	ts.Defer(server.Close)
	ts.Setenv(args[1], server.URL)
}

// player plays the records of a real run.
type player struct {
	records []trail.Record

	mu            sync.Mutex
	mark, traceID string
}

func (p *player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path != "/records" {
		_, after, _ := strings.Cut(r.Header.Get("X-Override"), trail.MarkService+":")
		p.mark = after
		if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 {
			p.traceID = parts[1]
		}
		w.Header().Set("X-Override-Served", "service-3.trace:v2 service-3-v2;trace;service-3;v2;Kubernetes")
		_, _ = w.Write([]byte("served " + r.Method + " " + r.Host))
		return
	}
	values := r.URL.Query()
	q := trail.Query{RequestID: values.Get("requestId"), TraceID: values.Get("traceId"), Mark: values.Get("mark")}
	encoder := json.NewEncoder(w)
	for _, record := range p.records {
		if p.traceID != "" {
			record.TraceID = p.traceID
		}
		if record.Mark != "" && p.mark != "" {
			record.Mark = p.mark
		}
		if q.Matches(&record) {
			_ = encoder.Encode(record)
		}
	}
}
