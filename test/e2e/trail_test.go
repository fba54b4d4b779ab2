package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	trailNamespace = "trail"
	trailCollector = trailNamespace + "-collector"
	// markedRequests is how many requests are sent at once whose records are compared one by one.
	markedRequests = 10_000
)

// TestTrail sends requests through a gateway and a chain whose proxies report to a collector. Each hop
// of a request with an override is a record, and no ordinary request causes one. No request fails
// or changes while the collector is dead, missing or starts again, and the user's access logs stay as
// they are.
func TestTrail(t *testing.T) {
	t.Parallel()
	c := openTrail(t)
	t.Run("Access logs", func(t *testing.T) { c.accessLogs(t) })
	t.Run("Records", func(t *testing.T) { c.hops(t) })
	t.Run("Private", func(t *testing.T) { c.private(t) })
	t.Run("Ordinary", func(t *testing.T) { c.ordinary(t) })
	t.Run("Load", func(t *testing.T) { c.load(t) })
	t.Run("Restart", func(t *testing.T) { c.restart(t) })
	t.Run("Missing", func(t *testing.T) { c.missing(t) })
}

// trailMesh is the application behind a gateway, and the collector.
type trailMesh struct{ edgeFront }

func openTrail(t *testing.T) *trailMesh {
	t.Helper()
	c := &trailMesh{edgeFront: *openEdgeIn(t, trailNamespace)}
	c.apply(t, "testdata/trail.yaml", "")
	if err := c.mesh.WaitReady(t.Context(), trailCollector); err != nil {
		t.Fatal(err)
	}
	c.follow(t)
	c.logs(t, "before")
	c.report(t, "trail."+trailCollector+".svc.cluster.local:9911")
	c.awaitReports(t)
	return c
}

// report applies what overrides trail filter prints.
func (c *trailMesh) report(t *testing.T, collector string) {
	t.Helper()
	filter, err := exec.CommandContext(t.Context(), programs(t).Overrides, "trail", "filter", "--namespaces", c.namespaces[0], "--collector", collector).Output()
	if err != nil {
		t.Fatalf("overrides trail filter: %v\n%s", err, stderrOf(err))
	}
	if err := c.mesh.Apply(t.Context(), filter); err != nil {
		t.Fatal(err)
	}
	c.settle(t)
}

// awaitReports waits until all proxies on the way of a request report, many times in a row.
func (c *trailMesh) awaitReports(t *testing.T) {
	t.Helper()
	round := 0
	programtest.Eventually(t, 2*time.Minute, 100*time.Millisecond, "every proxy reports", func(ctx context.Context) string {
		round++
		mark := fmt.Sprintf("await%d-%d", time.Now().UnixNano(), round)
		for range 5 {
			c.client.CloseIdleConnections()
			if _, failure := c.send(ctx, http.Header{"X-Override": {"web:v2, overrides-trace:" + mark}}, "/"); failure != "" {
				return failure
			}
		}
		// Proxies send once a second, and drop what they can't send.
		var got []trail.Record
		var err error
		for range 20 {
			<-time.After(250 * time.Millisecond)
			if got, err = c.find(ctx, "mark="+mark); err == nil && len(got) == 20 {
				return ""
			}
		}
		return fmt.Sprintf("%d records of 5 requests, %v", len(got), err)
	})
}

// send sends a request to the gateway, and returns the answer, or else why there is none.
func (c *trailMesh) send(ctx context.Context, header http.Header, path string) (answer chain.Answer, failure string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.gateways[0]+path, http.NoBody)
	if err != nil {
		return answer, err.Error()
	}
	request.Host, request.Header = edgeShop, header
	response, err := c.client.Do(request)
	if err != nil {
		return answer, err.Error()
	}
	defer response.Body.Close()
	answer, err = chain.Decode(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return answer, fmt.Sprintf("status %d, %v", response.StatusCode, err)
	}
	return answer, ""
}

// collectorAddress returns the address of a port of the collector.
func (c *trailMesh) collectorAddress(ctx context.Context, port int) (string, error) {
	pod, err := c.mesh.Pod(ctx, c.namespaces[0]+"-collector", "app=trail")
	return fmt.Sprintf("http://%s:%d", pod.IP, port), err
}

// read returns what the collector answers.
func (c *trailMesh) read(ctx context.Context, port int, path string) (string, error) {
	address, err := c.collectorAddress(ctx, port)
	if err != nil {
		return "", err
	}
	return fetch(ctx, c.client, address+path)
}

// fetch returns the body of a page.
func fetch(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s %s", url, response.Status, body)
	}
	return string(body), err
}

// find returns the records that a query asks for.
func (c *trailMesh) find(ctx context.Context, query string) ([]trail.Record, error) {
	body, err := c.read(ctx, 9912, "/records?"+query)
	var out []trail.Record
	for line := range strings.Lines(body) {
		var r trail.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, err
}

// records returns the records that a query asks for, as soon as there are so many.
func (c *trailMesh) records(t *testing.T, query string, want int) []trail.Record {
	t.Helper()
	var out []trail.Record
	programtest.Eventually(t, time.Minute, 100*time.Millisecond, fmt.Sprintf("%d records of %s", want, query), func(ctx context.Context) string {
		var err error
		if out, err = c.find(ctx, query); err != nil || len(out) != want {
			return fmt.Sprintf("%d records, %v", len(out), err)
		}
		return ""
	})
	return out
}

// metric returns a counter of the collector.
func (c *trailMesh) metric(t *testing.T, name string) int {
	t.Helper()
	body, err := c.read(t.Context(), 9913, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if value, found := strings.CutPrefix(line, "overrides_trail_"+name+" "); found {
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// hop is what a record says of a hop.
type hop struct{ side, pod, version, served, route, cluster string }

// hopsOf returns the hops that records tell of, sorted.
func hopsOf(records []trail.Record) []hop {
	var out []hop
	for i := range records {
		r := &records[i]
		pod, _, _ := strings.Cut(r.Proxy.Workload, "-v")
		h := hop{side: string(r.Side), pod: pod, version: r.Proxy.Labels["version"], served: r.Served.Name + "/" + r.Served.Revision, route: r.Route, cluster: r.Cluster}
		if r.Side == trail.Inbound {
			h.route, h.cluster, h.served = "", "", ""
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b hop) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// hops sends one request in each carrier, and compares the record of each hop, and the connections
// by which a call is found at both of its ends.
func (c *trailMesh) hops(t *testing.T) {
	t.Helper()
	for i, header := range []http.Header{
		{"X-Override": {"web:v2, cart:v2"}}, {"X-Override": {"*:v2"}}, {"Baggage": {"userId=alice,override=v2,secret=x"}},
	} {
		mark := fmt.Sprintf("hops%d", i)
		query := "mark=" + mark
		if line := header.Get("X-Override"); line != "" {
			header.Set("X-Override", line+",overrides-trace:"+mark)
		} else {
			header.Set("Baggage", header.Get("Baggage")+",override.overrides-trace="+mark)
		}
		if _, failure := c.send(t.Context(), header, "/a/b?token=secret"); failure != "" {
			t.Fatal(failure)
		}
		records := c.records(t, query, 4)
		to := func(service string) string {
			return fmt.Sprintf("outbound|80|override-v2|%s.%s.svc.cluster.local", service, trailNamespace)
		}
		got := hopsOf(records)
		for j := range got {
			if got[j].side != "inbound" && got[j].route == "" {
				t.Errorf("no route: %+v", got[j])
			}
			got[j].route = ""
		}
		want := []hop{
			{side: "gateway", pod: "gateway", served: "web-v2/v2", cluster: to("web")},
			{side: "inbound", pod: "cart", version: "v2"},
			{side: "inbound", pod: "web", version: "v2"},
			{side: "outbound", pod: "web", version: "v2", served: "cart-v2/v2", cluster: to("cart")},
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(hop{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", header, diff)
		}
		checkCalls(t, records)
	}
}

// checkCalls compares the ends of the two calls of a request.
func checkCalls(t *testing.T, records []trail.Record) {
	t.Helper()
	at := map[trail.Connection]trail.Record{}
	for _, r := range records {
		if r.Side == trail.Inbound {
			at[r.Downstream] = r
		}
		if r.Status != http.StatusOK || r.Duration <= 0 || r.Method != http.MethodGet || r.RequestID == "" || r.Protocol == "" {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range records {
		if r.Side == trail.Inbound {
			continue
		}
		called, found := at[r.Upstream]
		if !found || called.Proxy.Workload != r.Served.Name || called.RequestID != r.RequestID || r.Attempts != 1 || called.Start.Before(r.Start.Add(-time.Millisecond)) {
			t.Errorf("the call of %+v is not at its other end: %+v", r, called)
		}
	}
}

// private: nothing of a request is kept but what the trail needs.
func (c *trailMesh) private(t *testing.T) {
	t.Helper()
	header := http.Header{
		"X-Override": {"web:v2, overrides-trace:private"}, "Baggage": {"userId=alice-SECRET, override.cart=v2"}, "Authorization": {"Bearer SECRET"},
		"Cookie": {"session=SECRET"}, "X-Override-Token": {"SECRET"}, "Referer": {"http://x/?q=SECRET"}, "User-Agent": {"SECRET"},
	}
	if _, failure := c.send(t.Context(), header, "/private?token=SECRET&x-override-token=SECRET"); failure != "" {
		t.Fatal(failure)
	}
	for _, r := range c.records(t, "mark=private", 4) {
		text, err := json.Marshal(r)
		if err != nil || strings.Contains(string(text), "SECRET") || r.Baggage != "cart:v2" || r.Header != "web:v2" {
			t.Errorf("%s %v", text, err)
		}
	}
}

// ordinary sends ordinary requests, some with what looks like an override, and counts what proxies
// send: nothing.
func (c *trailMesh) ordinary(t *testing.T) {
	t.Helper()
	<-time.After(2 * time.Second) // proxies send once a second
	before := c.metric(t, "entries_received_total")
	const each = 200
	headers := []http.Header{
		{},
		{"Baggage": {"userId=alice"}},
		{"Baggage": {"overrides=x"}},
		{"X-Overrides": {"web:v2"}},
		{"Cookie": {"x-override=web:v2"}},
		{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		{"X-Override-Token": {"x"}},
	}
	var failed atomic.Int64
	parallel(each*len(headers), func(i int) {
		if _, failure := c.send(t.Context(), headers[i%len(headers)].Clone(), "/"); failure != "" {
			failed.Add(1)
		}
	})
	mark := fmt.Sprintf("after%d", time.Now().UnixNano())
	if _, failure := c.send(t.Context(), http.Header{"X-Override": {"overrides-trace:" + mark}}, "/"); failure != "" {
		t.Fatal(failure)
	}
	c.records(t, "mark="+mark, 4)
	if got := c.metric(t, "entries_received_total") - before; got != 4 || failed.Load() > 0 {
		t.Errorf("%d ordinary requests and one with a mark gave %d entries, want 4; %d failed", each*len(headers), got, failed.Load())
	}
	for _, reason := range []string{"unmarked", "unfinished", "notHTTP"} {
		if n := c.metric(t, `entries_dropped_total{reason="`+reason+`"}`); n != 0 {
			t.Errorf("%d entries were %s", n, reason)
		}
	}
}
