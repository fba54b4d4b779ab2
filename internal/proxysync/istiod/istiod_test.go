package istiod_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster"

// syncz is a shortened answer of Istio 1.31.
const syncz = `[{"cluster_id":"Kubernetes","proxy":"web.shop","proxy_type":"sidecar","istio_version":"1.31.0",
"cluster_sent":"a","cluster_acked":"b","listener_sent":"x","route_sent":"r","route_acked":"s","endpoint_sent":"c","endpoint_acked":"d",
"resources":{"` + clusterType + `":{"sent":"a","acked":"b","sentTime":"2026-01-02T03:04:05.5Z"}}},
{"proxy":"overrides-operator-asks.istio-system","proxy_type":"sidecar"}]`

// lists answers questions about the clusters of web.shop.
func lists(connection string) string {
	return fmt.Sprintf(`{"totalClients":1,"clients":[{"connectionId":%q,"watches":{%q:["outbound|80||web.shop.svc.cluster.local"]}}]}`, connection, clusterType)
}

// speaking is a fake that answers as istiod does.
func speaking(connection string) *fake {
	return &fake{answer: func(w http.ResponseWriter, question string) bool {
		switch question {
		case "syncz":
			say(w, syncz)
		case "adsz?proxyID=web.shop-":
			say(w, lists(connection))
		default:
			say(w, "Proxy not connected to this Pilot instance. It may be connected to another instance.\n")
		}
		return true
	}}
}

// TestRound: a round queries every istiod with the client's identity, and asks each question
// to the istiod of its proxy.
func TestRound(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	certificate := ca.issue(t, "istiod.istio-system.svc")
	one, two := speaking("web.shop-17"), speaking("xweb.shop-4")
	k := &kubernetes{root: ca.root(), addresses: []string{one.start(t, certificate), two.start(t, certificate)}}
	client := k.client(t, istiod.Options{})
	ctx := bounded(t, 10*time.Second)
	session, err := client.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	questions := []proxysync.Question{
		{Istiod: k.addresses[0], Proxy: "web.shop"}, {Istiod: k.addresses[0], Proxy: "gone.shop"}, {Istiod: k.addresses[1], Proxy: "web.shop"},
	}
	for range 3 {
		reply, err := session.Round(ctx, &istiod.Query{Questions: questions})
		if err != nil {
			t.Fatal(err)
		}
		answers, names := reply.Answers, reply.Names
		proxies := []proxysync.Proxy{
			{
				ID: "web.shop", Type: "sidecar", Endpoints: proxysync.Stream{Sent: "c", Acked: "d"},
				Clusters:  proxysync.Stream{Sent: "a", Acked: "b", At: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)},
				Listeners: proxysync.Stream{Sent: "x"}, Routes: proxysync.Stream{Sent: "r", Acked: "s"},
			},
			{ID: client.Self(), Type: "sidecar"},
		}
		for _, a := range answers {
			if diff := cmp.Diff(proxies, a.Proxies); diff != "" {
				t.Errorf("proxies of %s (-want +got):\n%s", a.Istiod, diff)
			}
		}
		if len(answers) != 2 || answers[0].Istiod == answers[1].Istiod {
			t.Errorf("answers of %v", answers)
		}
		// The other answer is about another proxy, whose name contains this one's.
		want := []proxysync.Names{{Question: questions[0], Clusters: []string{"outbound|80||web.shop.svc.cluster.local"}}}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	}
	if want := []string{"sidecar~127.0.0.1~overrides-operator-asks.istio-system~istio-system.svc.cluster.local"}; !cmp.Equal(one.list(&one.nodes), want) {
		t.Errorf("nodes %q, want %q", one.list(&one.nodes), want)
	}
	if want := []string{"Bearer for istio-ca"}; !cmp.Equal(one.list(&one.tokens), want) {
		t.Errorf("tokens %q, want %q", one.list(&one.tokens), want)
	}
}

// TestToken: many sessions share one token.
func TestToken(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	k := &kubernetes{root: ca.root(), addresses: []string{speaking("").start(t, ca.issue(t, "istiod.istio-system.svc"))}}
	client := k.client(t, istiod.Options{})
	for range 3 {
		session, err := client.Open(bounded(t, 10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		session.Close()
	}
	if k.tokens != 1 {
		t.Errorf("%d tokens were requested", k.tokens)
	}
}

// ended ends a stream with a gRPC status.
func ended(code, message string, begun bool) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, _ string) bool {
		if begun {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", code)
			w.Header().Set(http.TrailerPrefix+"Grpc-Message", message)
			return false
		}
		w.Header().Set("Grpc-Status", code)
		w.Header().Set("Grpc-Message", message)
		return false
	}
}

// TestNoAnswer: each failure gives an error in time, which says what went wrong.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	raw := func(data string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, _ string) bool { _, _ = w.Write([]byte(data)); return true }
	}
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter, string) bool
		want   string
		is     error
	}{
		{name: "refused", answer: ended("7", "the debug info is not available%21", true), want: "the debug info is not available!", is: istiod.ErrRefused},
		{name: "refused at once", answer: ended("16", "authentication failure", false), want: "authentication failure", is: istiod.ErrRefused},
		{name: "busy", answer: ended("8", "request rate limit exceeded", true), want: "status 8: request rate limit exceeded"},
		{name: "ended without an error", answer: ended("0", "", true), want: "ended the stream"},
		{name: "HTTP error", answer: func(w http.ResponseWriter, _ string) bool { w.WriteHeader(http.StatusBadGateway); return false }, want: "502"},
		{name: "not JSON", answer: func(w http.ResponseWriter, _ string) bool { say(w, "<html>"); return true }, want: `read "<html>"`},
		{name: "nothing", answer: func(w http.ResponseWriter, _ string) bool { say(w, ""); return true }, want: "read"},
		{name: "not protobuf", answer: raw("\x00\x00\x00\x00\x03\xff\xff\xff"), want: "decode answer"},
		{name: "endless", answer: raw("\x00\xff\xff\xff\xff"), want: "an answer of 4294967295 bytes"},
		{name: "compressed", answer: raw("\x01\x00\x00\x00\x01x"), want: "compressed: true"},
		{name: "cut short", answer: func(w http.ResponseWriter, _ string) bool {
			_, _ = w.Write([]byte("\x00\x00\x00\x00\x09ab"))
			return false
		}, want: "ended the stream"},
		{name: "hangs", answer: func(http.ResponseWriter, string) bool { <-hang; return false }, want: "deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			f := &fake{answer: test.answer}
			k := &kubernetes{root: ca.root(), addresses: []string{f.start(t, ca.issue(t, "istiod.istio-system.svc"))}}
			session, err := k.client(t, istiod.Options{}).Open(bounded(t, 10*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			patience := 10 * time.Second
			if test.name == "hangs" {
				patience = 300 * time.Millisecond
			}
			_, err = session.Round(bounded(t, patience), &istiod.Query{})
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

// TestTrust: the client sends no token to a server without istiod's certificate.
func TestTrust(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	for name, certificate := range map[string]struct {
		by   *authority
		name string
	}{
		"of another root": {other, "istiod.istio-system.svc"},
		"of another name": {ca, "istiod.elsewhere.svc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := speaking("")
			k := &kubernetes{root: ca.root(), addresses: []string{f.start(t, certificate.by.issue(t, certificate.name))}}
			session, err := k.client(t, istiod.Options{}).Open(bounded(t, 10*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if _, err = session.Round(bounded(t, 10*time.Second), &istiod.Query{}); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("error %v", err)
			}
			if tokens := f.list(&f.tokens); len(tokens) > 0 {
				t.Errorf("it was sent %q", tokens)
			}
		})
	}
}

// TestOpenFails: without a token, an istiod, or a certificate, no stream opens.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	if _, err := (&kubernetes{refuse: true}).client(t, istiod.Options{}).Open(t.Context()); !apierrors.IsForbidden(err) {
		t.Errorf("without permission: %v", err)
	}
	if _, err := (&kubernetes{root: ca.root()}).client(t, istiod.Options{}).Open(t.Context()); !errors.Is(err, istiod.ErrNone) {
		t.Errorf("without an istiod: %v", err)
	}
	if _, err := (&kubernetes{root: "none", addresses: []string{"127.0.0.1:1"}}).client(t, istiod.Options{}).Open(t.Context()); err == nil {
		t.Error("without a certificate: no error")
	}
	unreachable := &kubernetes{root: ca.root()}
	session, err := unreachable.client(t, istiod.Options{Addresses: []string{"127.0.0.1:1"}}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Round(bounded(t, 10*time.Second), &istiod.Query{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without a listener: %v", err)
	}
}
