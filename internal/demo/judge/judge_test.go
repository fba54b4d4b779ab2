package judge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/judge"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

var client = route.Caller{Namespace: "shop", Labels: map[string]string{"app": "client"}}

// world is web:v1, which calls cart, with some versions of cart.
func world(versions ...string) *judge.Expectation {
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}}
	var pods []judge.Pod
	service := func(name string, next []string, versions ...string) {
		s := model.Service{
			Namespace: "shop", Name: name, Selector: map[string]string{"app": name},
			Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
		}
		s.Settings.Conditions = []string{"from"}
		for _, v := range versions {
			labels := map[string]string{"app": name, "version": v}
			s.Backends = append(s.Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: name + "-" + v}, Selector: labels, Labels: labels, Pods: 1, Ready: 1,
			})
			pods = append(pods, judge.Pod{
				Name: name + "-" + v, Namespace: "shop", Labels: labels, Next: next, Caller: route.Caller{Namespace: "shop", Labels: labels},
			})
		}
		snapshot.Services = append(snapshot.Services, s)
	}
	service("web", []string{"http://cart/"}, "v1")
	service("cart", nil, versions...)
	snapshot.Callers = []model.Caller{{Namespace: "shop", Name: "web", Label: "app"}}
	result := compile.Compile(snapshot)
	mesh, _ := envoy.NewMesh(snapshot, &result, nil)
	return judge.Expect(snapshot, mesh, pods)
}

func call(override string) *judge.Call {
	c := &judge.Call{Caller: client, Method: http.MethodGet, URL: "http://web/", Header: http.Header{}}
	if override != "" {
		c.Header.Set("x-override", override)
	}
	return c
}

// by is an answer of pods, "web-v1 cart-v2"; a name with a ! is that of a Service
// by is an answer of pods, "web-v1 cart-v2"; a name with a ! is a Service that did not
// answer.
func by(pods string) *chain.Answer {
	names := strings.Fields(pods)
	a := &chain.Answer{Service: names[0], Pod: names[0], Status: http.StatusOK}
	if strings.HasSuffix(names[0], "!") {
		a = &chain.Answer{Service: names[0], Status: http.StatusServiceUnavailable, Error: "unavailable"}
	}
	if len(names) > 1 {
		a.Calls = []chain.Answer{*by(strings.Join(names[1:], " "))}
	}
	return a
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		override, pods, wrong string
	}{
		{"", "web-v1 cart-v1", ""},
		{"", "web-v1 cart-v2", "GET http://cart/: answered by cart-v2"},
		{"", "cart-v1", "GET http://web/: answered by cart-v1"},
		{"", "web-v1", "made 0 calls, want 1"},
		{"", "web-v1 stranger", "answered by stranger"},
		{"", "web-v1 cart!", "answered by cart!"},
		{"cart:v2", "web-v1 cart-v2", ""},
		{"cart:v2", "web-v1 cart-v1", "want cart override-v2"},
		{"cart:v2;from=web", "web-v1 cart-v2", ""},
		{"cart:v2;from=batch", "web-v1 cart-v2", "want cart overrides-released"},
		{"cart:v9;strict", "web-v1 cart!", ""},
		{"cart:v9;strict", "web-v1 cart-v1", "want no pod"},
	} {
		j := judge.New()
		j.Change(world("v1", "v2"))
		j.Settle()
		err := j.Begin().End(call(test.override), by(test.pods))
		if test.wrong == "" && err != nil {
			t.Errorf("%q answered by %s: %v", test.override, test.pods, err)
		}
		if test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%q answered by %s: %v, want %s", test.override, test.pods, err, test.wrong)
		}
	}
}

// TestChange: during a change both answers are right; for requests that begin afterwards,
// one is.
func TestChange(t *testing.T) {
	t.Parallel()
	j := judge.New()
	j.Change(world("v1"))
	j.Settle()
	right := func(r *judge.Request, version string) bool {
		return r.End(call("cart:v2"), by("web-v1 cart-"+version)) == nil
	}
	long, longer := j.Begin(), j.Begin()
	if before := j.Begin(); right(before, "v2") || !right(j.Begin(), "v1") {
		t.Error("before: only v1 is right")
	}
	j.Change(world("v1", "v2"))
	if !right(j.Begin(), "v1") || !right(j.Begin(), "v2") {
		t.Error("during the change both are right")
	}
	j.Settle()
	if right(j.Begin(), "v1") || !right(j.Begin(), "v2") {
		t.Error("afterwards only v2 is right")
	}
	if !right(long, "v1") || !right(longer, "v2") {
		t.Error("to requests that began before, both are right")
	}
	j.Change(world("v1"))
	j.Settle()
	if !right(j.Begin(), "v1") || right(j.Begin(), "v2") {
		t.Error("when it is gone, only v1 is right")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{{Namespace: "shop", Name: "cart"}}}
	for host, namespaces := range map[string][]string{
		"cart": {"shop"}, "cart.shop": {"shop", "lab"}, "cart.shop.svc": {"lab"}, "cart.shop.svc.cluster.local": {"lab"},
	} {
		for _, namespace := range namespaces {
			if s := judge.Resolve(snapshot, host, namespace); s == nil {
				t.Errorf("%s is not known in %s", host, namespace)
			}
		}
	}
	for _, host := range []string{"cart", "cart.lab", "web.shop", "shop", ""} {
		if s := judge.Resolve(snapshot, host, "lab"); s != nil {
			t.Errorf("%s is known in lab", host)
		}
	}
}
