package trail_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/trail"
)

// story is what happens to a request on its way through a gateway and a chain of services, each of
// which calls the next one.
type story struct {
	// length is how many services the request reaches.
	length int
	// sent is the override that the client sends.
	sent string
	// dropper is the service whose program forwards no override, filter the one whose sidecar
	// removes it; zero for none. gatewayRemoves is set if the gateway does.
	dropper, filter int
	gatewayRemoves  bool
	// row, version, flags and cluster are those of the call of service-3, and method is that of
	// every call.
	row, version, flags, cluster, method string
	// everywhere is set if every other service has a version v2, and the request reaches it.
	everywhere bool
	// status is that of the last response.
	status uint32
	// silent lists services whose sidecars send no record, and noUpstream is set if nothing
	// answers the call of service-3.
	silent     []int
	noUpstream bool
	// answers is set if the last proxy answers instead of its program.
	answers bool
}

// records are what the proxies say.
func (s *story) records() []trail.Record {
	var out []trail.Record
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	header := s.sent
	if s.gatewayRemoves {
		header = ""
	}
	method := s.method
	if method == "" {
		method = "GET"
	}
	add := func(of int, side trail.Side, r trail.Record) {
		if slices.Contains(s.silent, of) {
			return
		}
		name := fmt.Sprintf("service-%d", of)
		r.Proxy = trail.Proxy{Pod: name + "-" + r.Proxy.Labels["version"] + "-0", Namespace: "chain", Workload: name, Labels: r.Proxy.Labels}
		if of == 0 {
			r.Proxy = trail.Proxy{Pod: "ingress-0", Namespace: "ingress", Workload: "ingress"}
		}
		r.ID, r.Side, r.Method, r.RequestID, r.TraceID = fmt.Sprintf("%d-%s", of, side), side, method, "r", "6f766572726964650000000000000001"
		if r.Status == 0 {
			r.Status = 200
		}
		out = append(out, r)
	}
	at := "v1" // the version of the pod that makes the call
	for i := range s.length {
		row, version, to := "ordinary", "v1", i+1
		connection := trail.Connection{From: fmt.Sprintf("10.0.0.%d:4000", i), To: fmt.Sprintf("10.0.0.%d:8080", to)}
		call := trail.Record{
			Header: header, Authority: fmt.Sprintf("service-%d", to), Start: start.Add(time.Duration(2*i) * time.Millisecond), Duration: time.Duration(100-4*i) * time.Millisecond,
			Cluster: fmt.Sprintf("outbound|80||service-%d.chain.svc.cluster.local", to), Attempts: 1, Upstream: connection,
			Proxy: trail.Proxy{Labels: map[string]string{"version": at}},
		}
		if s.everywhere {
			row, version = fmt.Sprintf("override.*.service-%d.v2", to), "v2"
		}
		lacks := false
		if to == 3 {
			row, version, lacks = or(s.row, row), or(s.version, version), s.noUpstream
			call.Cluster = or(s.cluster, call.Cluster)
			call.Flags = strings.Fields(s.flags)
		}
		call.Route = row
		if lacks {
			call.Upstream, call.Status = trail.Connection{}, 503
		}
		last := to == s.length || lacks
		if i == 0 {
			call.Authority = "shop.example.com"
			call.Downstream = trail.Connection{From: "192.0.2.1:1", To: "10.0.0.0:80"}
			add(0, trail.Gateway, call)
		} else {
			if last && s.status != 0 && lacks {
				call.Status = s.status
			}
			add(i, trail.Outbound, call)
		}
		if lacks {
			break
		}
		if at = version; s.filter == to {
			header = ""
		}
		received := trail.Record{
			Header: header, Authority: call.Authority, Start: call.Start.Add(time.Millisecond), Duration: call.Duration - 2*time.Millisecond,
			Downstream: connection, Upstream: trail.Connection{From: "127.0.0.6:1", To: connection.To}, Proxy: trail.Proxy{Labels: map[string]string{"version": version}},
		}
		if last {
			received.Status = s.status
		}
		if last && s.answers {
			received.Upstream = trail.Connection{}
			received.Flags = strings.Fields(s.flags)
		}
		add(to, trail.Inbound, received)
		if s.dropper == to {
			header = ""
		}
	}
	return out
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

const v2Row = "override.service-3.v2"

// TestJudge: each reason of the list is the answer where it is what happened.
func TestJudge(t *testing.T) {
	t.Parallel()
	whole, scaled, bare := chain(t, nil), chain(t, func(text string) string { return strings.ReplaceAll(text, "replicas: 1", "replicas: 0") }), (*trail.Snapshot)(nil)
	for _, c := range []struct {
		name     string
		story    story
		snapshot *trail.Snapshot
		others   []story
		answer   string
		want     trail.Cause
		says     string
		culprit  string
	}{
		{"honoured", story{length: 5, row: v2Row, version: "v2"}, bare, nil, "", "", "service-3:v2 (pod service-3-v2-0) served the call of service-2", ""},
		{"honoured, no record of the pod", story{length: 3, row: v2Row, silent: []int{3}}, bare, nil, "", "", "no proxy says which pod", ""},
		{"honoured by a Service of its own", story{length: 3, row: v2Row, version: "canary", cluster: "outbound|80||service-3-v2.chain.svc.cluster.local"}, bare, nil, "", "", "service-3:canary", ""},
		{"honoured as the caller's record is missing", story{length: 3, version: "v2", silent: []int{2}}, bare, nil, "", "", "service-3:v2", ""},
		{"honoured, and it answered 500", story{length: 3, row: v2Row, version: "v2", status: 500}, bare, nil, "", "", "service-3:v2", ""},

		{"no such version", story{length: 3, sent: "service-3:v9"}, whole, nil, "", trail.NoSuchVersion, "service-3.chain has no version v9", ""},
		{"not ready", story{length: 3}, scaled, nil, "", trail.NotReady, "service-3", ""},
		{"not ready, the row fell back", story{length: 3, row: v2Row, cluster: "outbound|80||v2.service-3.chain.overrides.internal"}, bare, nil, "", trail.NotReady, "fell back: service-3:v1", ""},
		{"not ready, nothing answered", story{length: 3, row: v2Row, noUpstream: true, flags: "UH"}, bare, nil, "", trail.NotReady, "no pod of service-3:v2 answered the call of service-2 (UH)", ""},

		{"another caller", story{length: 3, sent: "service-3:v2;from=service-5"}, bare, nil, "", trail.ConditionNotMet, "the member is for other calls", ""},
		{"another method", story{length: 3, sent: "service-3:v2;method=POST"}, bare, nil, "", trail.ConditionNotMet, "the member is for other calls", ""},
		{"no row for the method", story{length: 3, sent: "service-3:v2;method=GET"}, whole, nil, "", trail.ConditionNotMet, "row override.service-3.v2: ", ""},
		{"lost to another member", story{length: 3, sent: "service-3:v2, service-3.chain:v3", row: "override.service-3.v3", version: "v3"}, bare, nil, "", trail.LostToAnother, "its proxy followed service-3.chain:v3", ""},

		{"refused by the gateway's guard", story{length: 3, gatewayRemoves: true}, bare, nil, "", trail.RefusedByGuard, "gateway ingress removed the override that the client sent", ""},
		{"refused by a sidecar's guard", story{length: 3, filter: 2}, bare, nil, "", trail.RefusedByGuard, "the sidecar of service-2 removed the override that came from service-1", ""},
		{"refused with an answer", story{length: 2, status: 403, answers: true}, bare, nil, "", trail.RefusedByGuard, "service-2 answered 403", ""},

		{"route not yet in the proxy", story{length: 3}, whole, nil, "", trail.RouteNotYet, "the row override.service-3.v2 was not yet in the proxy of service-2", ""},
		{"cluster not yet in the proxy", story{length: 3, row: v2Row, noUpstream: true, flags: "NC"}, bare, nil, "", trail.RouteNotYet, "not yet its cluster", ""},

		{"a redirect of a program", story{length: 2, status: 302}, bare, nil, "", trail.AnsweredBefore, "service-2 answered with a redirect (302)", ""},
		{"a redirect of a proxy", story{length: 3, row: "moved", noUpstream: true, status: 308}, bare, nil, "", trail.AnsweredBefore, "answered the call of service-3 with a redirect (308)", ""},
		{"a cache of a program", story{length: 2}, bare, []story{{length: 3, row: v2Row, version: "v2"}}, "", trail.AnsweredBefore, "service-2 answered without calling service-3", ""},
		{"a cache of a proxy", story{length: 2, answers: true, flags: "RFCF"}, bare, nil, "", trail.AnsweredBefore, "the cache of the proxy of service-2 answered", ""},
		{"a cache before the mesh", story{length: 1}, bare, nil, "the response has an age of 12 seconds", trail.AnsweredBefore, "an age of 12 seconds", ""},

		{"service-1 does not forward", story{length: 5, dropper: 1}, bare, nil, "", trail.NotForwarded, "the header never reached service-2: service-1 got it and did not forward it", "service-1"},
		{"service-2 does not forward", story{length: 5, dropper: 2}, bare, nil, "", trail.NotForwarded, "the header never reached service-3: service-2 got it and did not forward it", "service-2"},
		{"it does not forward, by the caller's record", story{length: 5, dropper: 1, silent: []int{3}}, bare, nil, "", trail.NotForwarded, "the header never reached service-2: service-1 got it", "service-1"},
		{"it does not forward, and its record is missing", story{length: 5, dropper: 2, silent: []int{2}}, bare, nil, "", trail.NotForwarded, "the request reached service-3 without the override", ""},

		{"not called", story{length: 2}, bare, nil, "", trail.NotCalled, "no record says that anything called service-3; nothing came out of service-2", ""},
		{"not followed", story{length: 3}, bare, nil, "", trail.NotFollowed, "its proxy took row ordinary", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.story.sent == "" {
				c.story.sent = "service-3:v2"
			}
			members, err := grammar.Parse(c.story.sent)
			if err != nil {
				t.Fatal(err)
			}
			q := trail.Question{Members: members[:1], VersionLabel: "version", Sent: true, Snapshot: c.snapshot, Answer: c.answer}
			for _, o := range c.others {
				q.Others = append(q.Others, one(t, &o))
			}
			got := trail.Judge(one(t, &c.story), q)[0]
			if got.Reason != c.want || got.Honoured != (c.want == "") || !strings.Contains(got.Message, c.says) || got.Culprit != c.culprit {
				t.Errorf("got %+v; want %q, with %q and culprit %q", got, c.want, c.says, c.culprit)
			}
		})
	}
}

// TestJudgeWithoutRecords: a request that no proxy reported honoured nothing.
func TestJudgeWithoutRecords(t *testing.T) {
	t.Parallel()
	got := trail.Judge(nil, trail.Question{Members: []grammar.Member{{Service: "cart", Version: "v2"}}})
	if got[0].Reason != trail.NotCalled || trail.Honoured(got) {
		t.Errorf("got %+v", got)
	}
}

// TestJudgeSet: a set is honoured at the services that have the version, and lost where a program
// drops it.
func TestJudgeSet(t *testing.T) {
	t.Parallel()
	members := []grammar.Member{{Service: grammar.SetName, Version: "v2"}}
	for _, c := range []struct {
		story    story
		snapshot *trail.Snapshot
		want     trail.Cause
	}{
		{story{length: 4, sent: "*:v2", row: "override.*.service-3.v2", version: "v2"}, nil, ""},
		{story{length: 4, sent: "*:v2", row: "override.*.service-3.v2", version: "v2", dropper: 3}, nil, trail.NotForwarded},
		{story{length: 3, sent: "*:v2", everywhere: true}, chain(t, nil), ""},
		{story{length: 3, sent: "*:v2", everywhere: true, row: "released", version: "v1"}, chain(t, nil), trail.RouteNotYet},
		{story{length: 2, sent: "*:v2"}, nil, trail.NotCalled},
	} {
		got := trail.Judge(one(t, &c.story), trail.Question{Members: members, VersionLabel: "version", Sent: true, Snapshot: c.snapshot})[0]
		if got.Reason != c.want || got.Honoured != (c.want == "") {
			t.Errorf("%+v: got %+v, want %q", c.story, got, c.want)
		}
	}
}

func one(t *testing.T, s *story) *trail.Trail {
	t.Helper()
	if s.sent == "" {
		s.sent = "service-3:v2"
	}
	trails := trail.Join(s.records())
	if len(trails) != 1 {
		t.Fatalf("%d trails", len(trails))
	}
	return trails[0]
}

// chain reads the example chain. change changes the manifests of the versions that are not released.
func chain(t *testing.T, change func(string) string) *trail.Snapshot {
	t.Helper()
	files, err := filepath.Glob("../../examples/chain/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no manifests", err)
	}
	var objects discover.Objects
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("---\n")) {
			if change != nil && bytes.Contains(document, []byte("version: v2")) {
				document = []byte(change(string(document)))
			}
			data, err := yaml.YAMLToJSON(document)
			if err != nil {
				t.Fatal(err)
			}
			objects.Decode(data, "chain", diag.Origin{})
		}
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	return &trail.Snapshot{Model: snapshot, Result: &result}
}
