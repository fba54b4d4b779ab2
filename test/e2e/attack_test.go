package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/load"
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

// shot is an attack in one way.
type shot struct {
	*attack
	wire *wire
	// twin is the legitimate request; nil if another attack has the same, or nobody is permitted.
	twin *written
}

// shots are all attacks of a mode in all ways.
func (s *siege) shots(m *attackMode, rows []attack) []shot {
	var out []shot
	seen := map[string]bool{}
	for i := range rows {
		for j := range wires {
			w := &wires[j]
			if !rows[i].goes(w) {
				continue
			}
			next := shot{&rows[i], w, rows[i].twin(m, w, s.users, s.keys.good)}
			key := fmt.Sprint(w.name, next.twin)
			if seen[key] || m.soft && w.method == http.MethodOptions {
				next.twin = nil
			}
			seen[key] = true
			out = append(out, next)
		}
	}
	return out
}

// play sends all attacks and their twins in all ways, and asks the gateway how it is.
func (s *siege) play(t *testing.T, m *attackMode, rows []attack) {
	t.Helper()
	all := s.shots(m, rows)
	before := s.health(t)
	wrong, refused := make([]string, len(all)), 0
	parallel(len(all), func(i int) { wrong[i] = s.judge(t.Context(), m, &all[i]) })
	for i := range all {
		if wrong[i] != "" {
			t.Errorf("%s by %s: %s", all[i].name, all[i].wire.name, wrong[i])
		}
		if strings.HasPrefix(all[i].expected(m, all[i].wire), "status 5") {
			refused++
		}
	}
	after := s.health(t)
	if after.uptime < before.uptime || after.epoch != before.epoch || after.restarts != before.restarts || after.state != "LIVE" {
		t.Errorf("the gateway was started anew: %+v, then %+v", before, after)
	}
	if got := after.errors - before.errors; after.requests-before.requests < len(all)/2 || got != refused {
		t.Errorf("%d requests of %d got a status of 5xx, want %d", got, after.requests-before.requests, refused)
	}
	t.Logf("%d requests", len(all))
}

// judge sends an attack and its twin, and returns what is wrong with the answers.
func (s *siege) judge(ctx context.Context, m *attackMode, a *shot) string {
	s.sent.Add(1)
	got, err := s.browse(ctx, m, a.wire, a.request(m, a.wire, s.users))
	want := a.expected(m, a.wire)
	switch {
	case err != nil || got.text != want:
		return fmt.Sprintf("got %q %v, want %q", got.text, err, want)
	case want == toReleased && !m.open && got.carried != "" && !strings.HasPrefix(a.name, "claim/"):
		return fmt.Sprintf("the application got %q", got.carried)
	case a.twin == nil:
		return ""
	}
	s.twins.Add(1)
	if got, err := s.browse(ctx, m, a.wire, a.twin); err != nil || !strings.HasSuffix(got.text, toPreview) {
		return fmt.Sprintf("its legitimate twin got %q %v", got.text, err)
	}
	return ""
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
