package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	attackNamespace = "edge-attack"
	// socketImage is the image of test/e2e/cmd/socket.
	socketImage = "socket"
)

// TestAttack plays the table of attacks at a real gateway, under each policy and in each way to send a
// request. None reaches a version that is not released, none makes the gateway crash or stall, and the
// ordinary requests beside them get what they always get; the legitimate twin of each reaches the
// preview. Then each guard is taken out, and its attacks come through.
func TestAttack(t *testing.T) {
	t.Parallel()
	s := openSiege(t)
	modes := attackModes(s.keys.ours.keys(t), s.keys.good)
	rows := attacks(t, s.keys, s.onlyUTF8)
	s.follow(t)
	for i := range modes {
		m := &modes[i]
		t.Run(m.name, func(t *testing.T) {
			beside := load.Start(t.Context(), s.ordinary()...)
			s.enter(t, m)
			s.play(t, m, rows)
			for _, c := range beside.Stop() {
				if t.Log(c.String()); !c.OK() {
					t.Errorf("ordinary requests: %s", c.String())
				}
			}
		})
		t.Run(m.name+"/Taken out", func(t *testing.T) { s.takeOut(t, m, rows) })
	}
	t.Run("Inside", s.inside)
	t.Logf("%d attacks, %d requests, %d twins", len(rows), s.sent.Load(), s.twins.Load())
}

// siege is a gateway under attack.
type siege struct {
	*edgeFront
	keys  *attackKeys
	users visitors
	// sent and twins count requests.
	sent, twins atomic.Int64
}

func openSiege(t *testing.T) *siege {
	t.Helper()
	mesh(t) // skips without one
	if err := programtest.Build(t.Context(), "..", shared.dir, "./e2e/cmd/"+socketImage); err != nil {
		t.Fatal(err)
	}
	const (
		web      = "\n          env: [{name: NAME, value: web}"
		template = "annotations: {inject.istio.io/templates: gateway"
		counts   = `, proxy.istio.io/config: '{"proxyStatsMatcher": {"inclusionSuffixes": ["downstream_rq_completed", "downstream_rq_5xx"]}}'`
	)
	e := openEdgeIn(t, attackNamespace, "image: sample"+web, "image: "+socketImage+web, template, template+counts)
	s := &siege{edgeFront: e, keys: newAttackKeys(t)}
	s.users = s.keys.visitors(t)
	s.apply(t, "testdata/attack-inside.yaml", "", "INSIDE", insideNamespace)
	if err := s.mesh.WaitReady(t.Context(), insideNamespace); err != nil {
		t.Fatal(err)
	}
	s.apply(t, "testdata/edge-guard.yaml", "kind: RequestAuthentication", "JWKS", s.keys.users.keys(t))
	return s
}

// ordinary are requests that are sent beside the attacks.
func (s *siege) ordinary() []load.Source {
	var out []load.Source
	for version, client := range s.clients {
		out = append(out, load.Source{
			Name: version, Rate: 10,
			Send: func(ctx context.Context) (string, error) { return s.sendAtEdge(ctx, client, atEdge{host: edgeShop}) },
			Want: func(answer string) bool { return strings.HasSuffix(answer, "web:v1 cart:v1") },
		})
	}
	return out
}

// enter puts a policy in force, and waits until new connections have it.
func (s *siege) enter(t *testing.T, m *attackMode) {
	t.Helper()
	s.applyPolicy(t, m.spec)
	s.follow(t)
	s.awaitMode(t, m)
}

// awaitMode waits until a gateway does what a policy says, many times in a row: a permitted user gets
// what is permitted and not more, another user does not, and nobody else notices.
func (s *siege) awaitMode(t *testing.T, m *attackMode) {
	t.Helper()
	more := toPreview
	if m.open {
		more = "web:v2 cart:v2"
	}
	probes := []struct {
		attack
		want string
	}{
		{attack{permitted: true, lines: []string{"X-Override: cart:v2"}}, more},
		{attack{permitted: true, session: nobody}, m.refused},
		{attack{session: nobody}, toReleased},
	}
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, m.name, func(ctx context.Context) string {
		const enough = 10
		for range enough {
			for _, p := range probes {
				if got, err := s.write(ctx, &wires[0], p.request(m, &wires[0], s.users)); err != nil || got.text != p.want {
					return fmt.Sprintf("%q gets %q %v, want %q", p.lines, got.text, err, p.want)
				}
			}
		}
		return ""
	})
}

// play sends all attacks and their twins in all ways.
func (s *siege) play(t *testing.T, m *attackMode, rows []attack) {
	t.Helper()
	type shot struct {
		*attack
		wire *wire
		twin *written
	}
	var shots []shot
	seen := map[string]bool{}
	for i := range rows {
		for j := range wires {
			if w := &wires[j]; rows[i].goes(w) {
				next := shot{&rows[i], w, rows[i].twin(m, w, s.users, s.keys.good)}
				key := fmt.Sprint(w.name, next.twin)
				if seen[key] || m.soft && w.method == http.MethodOptions {
					next.twin = nil // another attack has the same, or nobody is permitted
				}
				seen[key] = true
				shots = append(shots, next)
			}
		}
	}
	before := s.health(t)
	var refused atomic.Int64
	var mu sync.Mutex
	report := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		t.Errorf(format, args...)
	}
	parallel(len(shots), func(i int) {
		a, w := shots[i].attack, shots[i].wire
		got, err := s.browse(t.Context(), m, w, a.request(m, w, s.users))
		want := a.expected(m, w)
		if s.sent.Add(1); err != nil || got.text != want {
			report("%s by %s\ngot  %q %v\nwant %q", a.name, w.name, got.text, err, want)
		} else if want == toReleased && !m.open && got.carried != "" && !strings.HasPrefix(a.name, "claim/") {
			report("%s by %s: the application got %q", a.name, w.name, got.carried)
		}
		if strings.HasPrefix(want, "status 5") {
			refused.Add(1)
		}
		if shots[i].twin == nil {
			return
		}
		s.twins.Add(1)
		if got, err := s.browse(t.Context(), m, w, shots[i].twin); err != nil || !strings.HasSuffix(got.text, toPreview) {
			report("the twin of %s by %s gets %q %v", a.name, w.name, got.text, err)
		}
	})
	after := s.health(t)
	if after.uptime < before.uptime || after.epoch != before.epoch || after.restarts != before.restarts || after.state != "LIVE" {
		t.Errorf("the gateway was started anew: %+v, then %+v", before, after)
	}
	if got := after.errors - before.errors; after.requests-before.requests < len(shots)/2 || got != int(refused.Load()) {
		t.Errorf("%d requests of %d got a status of 5xx, want %d", got, after.requests-before.requests, refused.Load())
	}
	t.Logf("%d requests", len(shots))
}

// browse sends a request, and follows a link as a browser does, with the cookie that it sets.
func (s *siege) browse(ctx context.Context, m *attackMode, w *wire, r *written) (answered, error) {
	got, err := s.write(ctx, w, r)
	if err != nil || !strings.HasPrefix(got.text, "303 http://"+edgeShop+"/") || !m.tokens {
		return got, err
	}
	lines := append([]string{"Cookie: " + got.cookie}, r.lines...)
	next, err := s.write(ctx, w, &written{method: r.method, path: strings.TrimPrefix(got.text, "303 http://"+edgeShop), lines: lines})
	next.text = got.text + " then " + next.text
	return next, err
}

// health is what a gateway's Envoy says of itself.
type health struct {
	state string
	// uptime is in seconds, epoch and restarts count those by Envoy and of the container.
	uptime, epoch int
	restarts      int32
	// requests and errors are the requests at all ports, and those that got a status of 5xx.
	requests, errors int
}

func (s *siege) health(t *testing.T) health {
	t.Helper()
	var info struct {
		State   string `json:"state"`
		Uptime  string `json:"uptime_all_epochs"`
		Options struct {
			Epoch int `json:"restart_epoch"`
		} `json:"command_line_options"`
	}
	pods, err := s.mesh.Pods(t.Context(), attackNamespace, "istio="+attackNamespace)
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d gateway pods, %v", len(pods), err)
	}
	if err := json.Unmarshal(s.admin(t, &pods[0], "/server_info"), &info); err != nil {
		t.Fatal(err)
	}
	out := health{state: info.State, epoch: info.Options.Epoch}
	for line := range strings.Lines(string(s.admin(t, &pods[0], `/stats?filter=^http\.outbound_.*_rq_`))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("a statistic is %q", line)
		}
		if strings.HasSuffix(name, "5xx") {
			out.errors += n
		} else {
			out.requests += n
		}
	}
	for _, c := range pods[0].Status.ContainerStatuses {
		out.restarts += c.RestartCount
	}
	if _, err := fmt.Sscanf(info.Uptime, "%ds", &out.uptime); err != nil {
		t.Fatal(err)
	}
	return out
}

// admin asks the gateway's Envoy.
func (s *siege) admin(t *testing.T, pod *corev1.Pod, path string) []byte {
	t.Helper()
	client, err := s.mesh.Client(t.Context(), localmesh.Pod{Namespace: pod.Namespace, Name: pod.Name, IP: pod.Status.PodIP})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:15000"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	out, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
