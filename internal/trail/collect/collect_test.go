package collect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogdatav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

// replica is a collector that runs for the time of a test.
type replica struct {
	*collect.Collector
	stop func() error
}

func start(t *testing.T, change func(*collect.Options)) *replica {
	t.Helper()
	return startWith(t, change, nil)
}

// startWith is start, with a change before the collector runs.
func startWith(t *testing.T, change func(*collect.Options), before func(*collect.Collector)) *replica {
	t.Helper()
	options := collect.DefaultOptions()
	options.Reader = trail.Reader{Header: "x-override", VersionLabel: "version"}
	options.ReceiveAddress, options.AnswerAddress, options.StatusAddress = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&options)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := collect.Open(ctx, &options, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if before != nil {
		before(c)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	r := &replica{Collector: c}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// proxy opens a stream as a proxy does.
func (r *replica) proxy(t *testing.T, log string) accesslogv3.AccessLogService_StreamAccessLogsClient {
	t.Helper()
	connection, err := grpc.NewClient(r.Receives(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	stream, err := accesslogv3.NewAccessLogServiceClient(connection).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&accesslogv3.StreamAccessLogsMessage{Identifier: &accesslogv3.StreamAccessLogsMessage_Identifier{
		LogName: log, Node: &corev3.Node{Id: "sidecar~10.0.0.1~cart-1.shop~shop.svc.cluster.local"},
	}})
	return stream
}

// send sends entries with these override headers; an empty one is that of an ordinary request.
func send(t *testing.T, stream accesslogv3.AccessLogService_StreamAccessLogsClient, headers ...string) {
	t.Helper()
	entries := &accesslogv3.StreamAccessLogsMessage_HTTPAccessLogEntries{}
	for i, header := range headers {
		e := &accesslogdatav3.HTTPAccessLogEntry{
			CommonProperties: &accesslogdatav3.AccessLogCommon{StartTime: timestamppb.New(time.Unix(100-int64(i), 0))},
			Request:          &accesslogdatav3.HTTPRequestProperties{RequestId: header, RequestHeaders: map[string]string{}},
		}
		if header != "" {
			e.Request.RequestHeaders["x-override"] = header
		}
		entries.LogEntry = append(entries.LogEntry, e)
	}
	if err := stream.Send(&accesslogv3.StreamAccessLogsMessage{LogEntries: &accesslogv3.StreamAccessLogsMessage_HttpLogs{HttpLogs: entries}}); err != nil {
		t.Fatal(err)
	}
}

// answer is an answer by HTTP.
type answer struct {
	body   string
	status int
	header http.Header
}

func get(t *testing.T, address, path string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{body: string(text), status: response.StatusCode, header: response.Header}
}

// headers returns the override headers of the records in an answer.
func headers(t *testing.T, body string) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(body) {
		out = append(out, headerOf(t, line))
	}
	return strings.Join(out, " ")
}

func headerOf(t *testing.T, line string) string {
	t.Helper()
	var record trail.Record
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return record.Header
}

// await waits until the answer to a query has these headers, in this order.
func (r *replica) await(t *testing.T, query, want string) {
	t.Helper()
	r.awaitIf(t, query, want, func(got string) bool { return got == want })
}

// awaitAnyOrder is await for records that began at the same time.
func (r *replica) awaitAnyOrder(t *testing.T, query, want string) {
	t.Helper()
	sorted := func(text string) []string { return slices.Sorted(slices.Values(strings.Fields(text))) }
	r.awaitIf(t, query, want, func(got string) bool { return slices.Equal(sorted(got), sorted(want)) })
}

func (r *replica) awaitIf(t *testing.T, query, want string, enough func(got string) bool) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if got = headers(t, get(t, r.Answers(), collect.RecordsPath+query).body); enough(got) {
			return
		}
	}
	t.Fatalf("%s: %q, want %q", query, got, want)
}

// metric returns the value of a metric, with its labels.
func (r *replica) metric(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(get(t, r.Status(), "/metrics").body) {
		if value, found := strings.CutPrefix(line, "overrides_trail_"+name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestRecords: what proxies send is answered, and counted; ordinary requests are dropped.
func TestRecords(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	send(t, r.proxy(t, "inbound"), "a:v1", "", "b:v2;strict")
	r.await(t, "", "b:v2;strict a:v1")
	for query, want := range map[string]string{
		"?member=b:v2":    "b:v2;strict",
		"?requestId=a:v1": "a:v1",
		"?since=" + url.QueryEscape("1970-01-01T00:01:39Z"): "a:v1",
		"?member=c:v1": "",
		"?mark=x":      "",
	} {
		r.await(t, query, want)
	}
	for name, want := range map[string]string{
		"entries_received_total": "3", "records_kept_total": "2", `entries_dropped_total{reason="unmarked"}`: "1", "streams": "1", "records": "2",
	} {
		if got := r.metric(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, query := range []string{"?since=yesterday", "?member=a:b&other=c"} {
		if got := get(t, r.Answers(), collect.RecordsPath+query); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		if got := get(t, r.Status(), probe); got.status != http.StatusOK {
			t.Errorf("%s: %d", probe, got.status)
		}
	}
}

// TestSenders: a sender that is no proxy of the filter, that sends too much at once, or opens too many
// streams, is refused, and others are not.
func TestSenders(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *collect.Options) { o.MaxStreams = 2 })
	good := r.proxy(t, "inbound")
	send(t, good, "a:v1")
	r.await(t, "", "a:v1")
	for _, c := range []struct {
		log, header string
		want        codes.Code
	}{
		{"users-own", "", codes.InvalidArgument},
		{"inbound", strings.Repeat("x", 2<<20), codes.ResourceExhausted},
	} {
		bad := r.proxy(t, c.log)
		if c.header != "" {
			send(t, bad, c.header)
		}
		if err := bad.RecvMsg(&accesslogv3.StreamAccessLogsResponse{}); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.log, err, c.want)
		}
	}
	second := r.proxy(t, "outbound")
	send(t, second, "b:v1")
	r.await(t, "?member=b:v1", "b:v1")
	third := r.proxy(t, "outbound")
	if err := third.RecvMsg(&accesslogv3.StreamAccessLogsResponse{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a stream too many: %v", err)
	}
	send(t, good, "c:v1")
	r.await(t, "?member=c:v1", "c:v1")
	for name, want := range map[string]string{"tooManyStreams": "1", "notAProxy": "1"} {
		if got := r.metric(t, `refused_total{reason="`+name+`"}`); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLimits: the oldest records go for new ones.
func TestLimits(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *collect.Options) { o.MaxBytes = 1 << 20 })
	stream := r.proxy(t, "inbound")
	const all = 2000
	for i := range all {
		send(t, stream, fmt.Sprintf("a:v%d", i))
	}
	r.await(t, fmt.Sprintf("?member=a:v%d", all-1), fmt.Sprintf("a:v%d", all-1))
	r.await(t, "?member=a:v0", "")
	var held, evicted int
	if _, err := fmt.Sscan(r.metric(t, "records"), &held); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(r.metric(t, "records_evicted_total"), &evicted); err != nil {
		t.Fatal(err)
	}
	if held+evicted != all || held < 500 {
		t.Errorf("%d held and %d evicted of %d", held, evicted, all)
	}
}

// followed opens a query without an end, and returns its lines.
func (r *replica) followed(t *testing.T, query string) *bufio.Scanner {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Answers()+collect.RecordsPath+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return bufio.NewScanner(response.Body)
}

func next(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the answer ended: %v", lines.Err())
	}
	return headerOf(t, lines.Text())
}

// TestFollow: who follows gets the records that there are, then each that arrives, and an end when the
// collector ends.
func TestFollow(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	stream := r.proxy(t, "inbound")
	send(t, stream, "a:v1")
	r.await(t, "", "a:v1")
	lines := r.followed(t, "?follow=true")
	if got := next(t, lines); got != "a:v1" {
		t.Errorf("first %q", got)
	}
	for i := range 100 {
		header := fmt.Sprintf("b:v%d", i)
		send(t, stream, "", header)
		if got := next(t, lines); got != header {
			t.Fatalf("%q, want %q", got, header)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if lines.Scan() {
		t.Errorf("after the end: %s", lines.Text())
	}
}
