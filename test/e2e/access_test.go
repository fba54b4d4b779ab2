package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const accessNamespace = "access"

// TestAccess sends requests along a chain whose services pass on nothing but the token, and whose
// policies accept overrides of tokens alone. Tokens are followed at each hop, and nobody else
// steers a call: not a workload in the chain, nor one in another namespace, with a policy or
// without one, nor a preview, nor one whose sidecar is too old for tokens or that has none. No
// program of the chain receives a header that no token made. With each guard taken out, its
// attacks come through.
func TestAccess(t *testing.T) {
	t.Parallel()
	a := openAccess(t)
	a.install(t)
	t.Run("Ordinary", func(t *testing.T) {
		for _, lines := range a.ordinary() {
			if got := a.send(t, "service-2", lines, "service-1"); got != releasedPath {
				t.Errorf("%v leads to %s", lines, got)
			}
		}
	})
	t.Run("Tokens", func(t *testing.T) { a.tokens(t) })
	t.Run("Forged", func(t *testing.T) { a.forged(t) })
	t.Run("Lateral", func(t *testing.T) { a.lateral(t) })
	t.Run("Called", func(t *testing.T) { a.called(t) })
	t.Run("Users", func(t *testing.T) { a.checkedByUsers(t) })
	t.Run("Taken out", func(t *testing.T) { a.takeOut(t) })
}

// accessMesh is the chain, and a client in each kind of pod.
type accessMesh struct {
	front
	clients map[string]*http.Client
	// keys sign tokens that policies accept, users those of users; own is that of another team.
	keys, users, own *issuer
}

func openAccess(t *testing.T) *accessMesh {
	t.Helper()
	a := &accessMesh{
		front:   front{mesh: mesh(t), namespaces: []string{accessNamespace, accessNamespace + "-open", accessNamespace + "-same", accessNamespace + "-own"}},
		clients: map[string]*http.Client{}, keys: newIssuer(t), users: newIssuer(t), own: newIssuer(t),
	}
	a.apply(t, "testdata/access.yaml", "")
	a.openClients(t, map[string][2]string{
		"service-1":     {accessNamespace, "app=service-1"},
		"service-2":     {accessNamespace, "app=service-2,version=v1"},
		"its preview":   {accessNamespace, "app=service-2,version=v2"},
		"open":          {accessNamespace + "-open", "app=caller"},
		"same tokens":   {accessNamespace + "-same", "app=caller"},
		"tokens of own": {accessNamespace + "-own", "app=caller"},
		"older":         {accessNamespace, "app=older"},
		"bare":          {accessNamespace + "-open", "app=bare"},
	})
	a.settle(t)
	return a
}

// openClients makes a client in each of some pods, which are known by namespace and labels.
func (a *accessMesh) openClients(t *testing.T, pods map[string][2]string) {
	t.Helper()
	for name, at := range pods {
		pod, err := a.mesh.Pod(t.Context(), at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		client, err := a.mesh.Client(t.Context(), pod)
		if err != nil {
			t.Fatal(err)
		}
		client.Timeout = 30 * time.Second
		a.clients[name] = client
	}
}

// install writes what overrides apply makes of the policies of all namespaces.
func (a *accessMesh) install(t *testing.T) {
	t.Helper()
	a.applyPolicies(t, "access.yaml", "access-policies.yaml")
	good := a.keys.override(t, "service-3:v2")
	for _, from := range []string{"service-1", "service-2", "its preview", "same tokens"} {
		a.await(t, from, http.Header{"X-Override-Token": {good}}, "service-3:v2")
	}
	for from := range a.clients {
		if from != "bare" { // nothing routes its calls
			a.await(t, from, http.Header{"X-Override": {"service-3:v2"}}, "service-3:v1")
		}
	}
}

// applyPolicies writes what overrides apply makes of files of testdata, and waits for proxies.
func (a *accessMesh) applyPolicies(t *testing.T, files ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		filled := strings.NewReplacer("NAMESPACE", a.namespaces[0], "JWKS", a.keys.keys(t), "USERS", a.users.keys(t), "OTHER", a.own.keys(t)).Replace(string(text))
		if err := os.WriteFile(filepath.Join(dir, file), []byte(filled), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), programs(t).Overrides, "apply", "-q", "--kubeconfig", a.mesh.Kubeconfig, "-f", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("overrides apply: %v\n%s", err, out)
	}
	a.settle(t)
}

// await waits until a call of service-3 is answered in a way, many times in a row.
func (a *accessMesh) await(t *testing.T, from string, lines http.Header, want string) {
	t.Helper()
	a.awaitAt(t, from, lines, "service-3", want)
}

// awaitAt waits until a call of a service is answered in a way, many times in a row.
func (a *accessMesh) awaitAt(t *testing.T, from string, lines http.Header, to, want string) {
	t.Helper()
	const enough = 20
	alike := 0
	programtest.Eventually(t, time.Minute, 20*time.Millisecond, from+" calls "+to, func(context.Context) string {
		a.clients[from].CloseIdleConnections()
		got := a.send(t, from, lines, to)
		if alike++; got != want {
			alike = 0
		}
		if alike < enough {
			return got
		}
		return ""
	})
}

// send calls a service of the chain from a pod, and returns who served.
func (a *accessMesh) send(t *testing.T, from string, lines http.Header, to string) string {
	t.Helper()
	if !strings.Contains(to, ".") {
		to += "." + a.namespaces[0]
	}
	answer, failure := a.ask(t, from, lines, to)
	if failure != "" {
		return failure
	}
	return answer.String()
}

// ask calls a host from a pod, and returns the answer, or else why there is none.
func (a *accessMesh) ask(t *testing.T, from string, lines http.Header, host string) (answer chain.Answer, failure string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, lines)
	response, err := a.clients[from].Do(request)
	if err != nil {
		return chain.Answer{}, err.Error()
	}
	defer response.Body.Close()
	answer, err = chain.Decode(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return chain.Answer{}, fmt.Sprintf("status %d", response.StatusCode)
	}
	return answer, ""
}

// ordinary are requests without an override, some with what looks like one.
func (a *accessMesh) ordinary() []http.Header {
	return []http.Header{
		{},
		{"Baggage": {"a=b, overrides=x"}},
		{"Authorization": {"Basic YTpi"}},
		{"Authorization": {"Bearer x"}},
		{"X-Override-Token": {"x"}},
		{"X-Override-Token": {""}},
		{"X-Overrides": {"service-3:v2"}},
		{"Cookie": {"x-override=service-3:v2"}},
	}
}
