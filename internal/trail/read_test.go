package trail_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogdatav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/overrides-mesh/overrides/internal/trail"
)

var reader = &trail.Reader{Header: "x-override", VersionLabel: "release"}

// entry is an entry with these headers, that has what a record needs.
func entry(headers map[string]string) *accesslogdatav3.HTTPAccessLogEntry {
	return &accesslogdatav3.HTTPAccessLogEntry{
		CommonProperties: &accesslogdatav3.AccessLogCommon{StartTime: timestamppb.New(time.Unix(100, 5))},
		Request:          &accesslogdatav3.HTTPRequestProperties{RequestHeaders: headers},
	}
}

// TestCarriers: of the headers of a request, a record has overrides, marks and IDs, and nothing else.
func TestCarriers(t *testing.T) {
	t.Parallel()
	const id, marked = "0af7651916cd43dd8448eb211c80319c", trail.TracePrefix + "0123456789abcdef"
	type carried struct{ header, baggage, mark, trace string }
	for _, c := range []struct {
		headers map[string]string
		want    carried
		reason  trail.Reason
	}{
		{map[string]string{}, carried{}, trail.Unmarked},
		{map[string]string{"baggage": "userId=alice"}, carried{}, trail.Unmarked},
		{map[string]string{"baggage": "overrides=removed"}, carried{}, trail.Unmarked},
		{map[string]string{"traceparent": "00-" + id + "-b7ad6b7169203331-01"}, carried{}, trail.Unmarked},
		{map[string]string{"x-other": "service-3:v2"}, carried{}, trail.Unmarked},
		{map[string]string{"traceparent": "00-" + marked + "-b7ad6b7169203331-01"}, carried{trace: marked}, ""},
		{map[string]string{"x-override": ""}, carried{}, ""},
		{map[string]string{"x-override": "service-3:v2"}, carried{header: "service-3:v2"}, ""},
		{map[string]string{"x-override": "service-3:v2, overrides-trace:k3"}, carried{header: "service-3:v2", mark: "k3"}, ""},
		{map[string]string{"x-override": "overrides-trace:k3;strict,a:b ,broken:,c:d"}, carried{header: "a:b ,broken:,c:d", mark: "k3"}, ""},
		{map[string]string{"x-override": "overrides-trace:k3"}, carried{mark: "k3"}, ""},
		{map[string]string{"baggage": "userId=alice,override.service-3=v2;p=1, override.cart.shop=v3,secret=x"}, carried{baggage: "service-3:v2, cart.shop:v3"}, ""},
		{map[string]string{"baggage": "override=pr-118,override.overrides-trace=k3"}, carried{baggage: "*:pr-118", mark: "k3"}, ""},
		{map[string]string{"x-override": "a:b", "traceparent": "00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01"}, carried{header: "a:b"}, ""},
		{map[string]string{"x-override": "a:b", "traceparent": "nonsense"}, carried{header: "a:b"}, ""},
		{map[string]string{"x-override": "a:b", "traceparent": "00-" + id + "-b7ad6b7169203331-01", "authorization": "Bearer x", "cookie": "y"}, carried{header: "a:b", trace: id}, ""},
	} {
		got, reason := reader.Record(&trail.Source{Side: trail.Inbound}, entry(c.headers))
		if (carried{got.Header, got.Baggage, got.Mark, got.TraceID}) != c.want || reason != c.reason {
			t.Errorf("%q: %+v %q", c.headers, got, reason)
		}
		text, err := json.Marshal(got)
		if err != nil || strings.ContainsAny(string(text), "\n") || strings.Contains(string(text), "alice") || strings.Contains(string(text), "secret") || strings.Contains(string(text), "Bearer") {
			t.Errorf("%q: %s %v", c.headers, text, err)
		}
	}
}

// TestRecord reads entries as Envoys of a mesh sent them, and compares the records.
func TestRecord(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Stream, Entry json.RawMessage
		Record        json.RawMessage
	}
	text, err := os.ReadFile("testdata/entries.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		identifier, entry := &accesslogv3.StreamAccessLogsMessage_Identifier{}, &accesslogdatav3.HTTPAccessLogEntry{}
		if err := protojson.Unmarshal(cases[i].Stream, identifier); err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(cases[i].Entry, entry); err != nil {
			t.Fatal(err)
		}
		source, err := reader.Source(identifier)
		if err != nil {
			t.Fatal(err)
		}
		record, reason := reader.Record(&source, entry)
		got, err := json.MarshalIndent(record, "\t\t", "\t")
		if err != nil || reason != "" {
			t.Fatalf("%v %s", err, reason)
		}
		if diff := cmp.Diff(asJSON(t, cases[i].Record), asJSON(t, got)); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s\n%s", i, diff, got)
		}
	}
}

// TestUnfinished: an entry in the midst of a request is no record, nor one without a time.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*accesslogdatav3.AccessLogCommon){
		"begun": func(c *accesslogdatav3.AccessLogCommon) {
			c.AccessLogType = accesslogdatav3.AccessLogType_DownstreamStart
		},
		"goes on": func(c *accesslogdatav3.AccessLogCommon) {
			c.AccessLogType = accesslogdatav3.AccessLogType_DownstreamPeriodic
		},
		"no time": func(c *accesslogdatav3.AccessLogCommon) { c.StartTime = nil },
		"no day":  func(c *accesslogdatav3.AccessLogCommon) { c.StartTime = &timestamppb.Timestamp{Seconds: 1 << 50} },
	} {
		e := entry(map[string]string{"x-override": "a:b"})
		change(e.CommonProperties)
		if _, reason := reader.Record(&trail.Source{}, e); reason != trail.Unfinished {
			t.Errorf("%s: %q", name, reason)
		}
	}
}

// TestSource: a stream names its side, and its pod by metadata or else by the ID of the node.
func TestSource(t *testing.T) {
	t.Parallel()
	metadata, err := structpb.NewStruct(map[string]any{
		"NAME": "cart-1", "NAMESPACE": "shop", "WORKLOAD_NAME": "cart-v2",
		"LABELS": map[string]any{"release": "v2", "app": "cart", "team": "red", "version": 3.0},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		log  string
		node *corev3.Node
		want trail.Proxy
		fail bool
	}{
		{"inbound", &corev3.Node{Metadata: metadata}, trail.Proxy{Pod: "cart-1", Namespace: "shop", Workload: "cart-v2", Labels: map[string]string{"release": "v2", "app": "cart"}}, false},
		{"gateway", &corev3.Node{Id: "router~10.0.0.1~gw-1.ingress~ingress.svc.cluster.local"}, trail.Proxy{Pod: "gw-1", Namespace: "ingress"}, false},
		{"gateway", &corev3.Node{Id: "router~10.0.0.1~gw-1"}, trail.Proxy{}, true},
		{"outbound", nil, trail.Proxy{}, true},
		{"users-own", &corev3.Node{Metadata: metadata}, trail.Proxy{}, true},
	} {
		got, err := reader.Source(&accesslogv3.StreamAccessLogsMessage_Identifier{LogName: c.log, Node: c.node})
		if diff := cmp.Diff(c.want, got.Proxy); diff != "" || (err != nil) != c.fail || err == nil && string(got.Side) != c.log {
			t.Errorf("%s: %v\n%s", c.log, err, diff)
		}
	}
	if _, err := reader.Source(nil); err == nil {
		t.Error("a stream without a node")
	}
}

// FuzzRecord: whatever a sender sends, a record is the same after JSON, and is of limited size.
func FuzzRecord(f *testing.F) {
	for _, headers := range []map[string]string{{"x-override": "a:b,overrides-trace:c"}, {"baggage": "override.a=b", "traceparent": "00-" + trail.TracePrefix}} {
		e := entry(headers)
		e.Request.Path, e.Request.RequestId = "/a?token=b", "id~a:b"
		data, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := &accesslogdatav3.HTTPAccessLogEntry{}
		if proto.Unmarshal(data, e) != nil {
			return
		}
		record, reason := reader.Record(&trail.Source{Side: trail.Outbound}, e)
		if reason != "" {
			return
		}
		text, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		var again trail.Record
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(record, again); diff != "" {
			t.Errorf("(-before +after JSON):\n%s", diff)
		}
		if size := trail.Size(&record); size > 64<<10 || strings.ContainsAny(record.Path, "?#") || strings.Contains(record.RequestID, "~") {
			t.Errorf("%d bytes, %q %q", size, record.Path, record.RequestID)
		}
	})
}
