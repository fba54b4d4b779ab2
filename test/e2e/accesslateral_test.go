package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// spoofs are calls with all that could carry an override, and with no token that counts.
func (a *accessMesh) spoofs(t *testing.T) []http.Header {
	t.Helper()
	own, foreign := a.own.override(t, "service-3:v2"), a.users.override(t, "service-3:v2")
	good := a.keys.override(t, "service-3:v2")
	expired := a.keys.token(t, overrideClaims("service-3:v2", map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}))
	unsigned := encoding.EncodeToString([]byte(`{"alg":"none","kid":"1"}`)) + "." + strings.Split(good, ".")[1] + "."
	out := []http.Header{
		{"X-Override": {"service-3:v2"}},
		{"x-override": {"*:v2"}},
		{"X-OVERRIDE": {"service-3.access:v2"}},
		{"X-Override": {"service-9:v1", "service-3:v2"}},
		{"X-Override": {"service-9:v1"}, "x-override": {"service-3:v2"}},
		{"X-Override": {"", "service-3:v2"}},
		{"X-Override": {"service-9:v1,service-3:v2"}},
		{"X-Override": {"service-3:v2;strict"}},
		{"X-Override": {"service-3:v9;strict"}},
		{"X-Override": {good}},
		{"Baggage": {"override.service-3=v2"}},
		{"Baggage": {"override=v2"}},
		{"baggage": {"a=b", "override.service-3=v2;p=q"}},
		{"Baggage": {"a=b ,\t override.service-3 \t= v2"}},
		{"Baggage": {"override%2Eservice-3=v2"}},
		{"Baggage": {"override.service-3=%76%32"}},
		{"Baggage": {"overrides.token=service-3:v2"}},
		{"X-Override": {"service-3:v2"}, "X-Override-Id": {"1"}},
		{"X-Override": {"service-3:v2"}, "X-Override-Id": {"grant.aaaaaaaaaaaa"}},
		{"X-Override-Id": {"service-3:v2"}},
	}
	for _, text := range []string{own, foreign, expired, unsigned, good[:len(good)-4], "eyJ.eyJ.eyJ"} {
		out = append(
			out,
			http.Header{"X-Override-Token": {text}}, http.Header{"X-Override-Token": {text}, "X-Override": {"service-3:v2"}}, http.Header{"X-Override-Token": {"x", text}},
			http.Header{"Baggage": {"overrides.token=" + text}}, http.Header{"Authorization": {"Bearer " + text}}, http.Header{"Cookie": {"x-override-token=" + text}},
		)
	}
	return out
}

// lateral has workloads steer calls without a token: none can, and no program of the chain gets a
// header that says so.
func (a *accessMesh) lateral(t *testing.T) {
	t.Helper()
	spoofs := a.spoofs(t)
	for from := range a.clients {
		for _, lines := range spoofs {
			if from == "bare" {
				continue // nothing routes its calls; see called
			}
			for to, want := range map[string]string{"service-3": "service-3:v1", "service-1": releasedPath} {
				if to == from {
					continue // no pod here reaches itself
				}
				if got := a.seen(t, from, lines, to+"."+accessNamespace); got != want {
					t.Errorf("from %s, %v leads to %s, want %s", from, lines, got, want)
				}
			}
		}
	}
	good := a.keys.override(t, "service-3:v2")
	for from, want := range map[string]string{
		"open": "service-3:v1", "tokens of own": "service-3:v1", "older": "service-3:v1", "same tokens": "service-3:v2", "service-2": "service-3:v2", "its preview": "service-3:v2",
	} {
		if got := a.send(t, from, http.Header{"X-Override-Token": {good}}, "service-3"); got != want {
			t.Errorf("from %s, a token leads to %s, want %s", from, got, want)
		}
	}
	// A token is followed from the first hop on whose caller takes it, wherever it comes from.
	if got, want := a.send(t, "open", http.Header{"X-Override-Token": {good}}, "service-1"), "service-1:v1 → service-2:v1 → service-3:v2"; got != want {
		t.Errorf("from outside, a token leads to %s, want %s", got, want)
	}
	t.Logf("%d calls from each of %d pods", len(spoofs), len(a.clients))
}

// called calls pods by their address, past all routes: the programs get what a token says, and no
// other header.
func (a *accessMesh) called(t *testing.T) {
	t.Helper()
	good := a.keys.override(t, "service-3:v2")
	for what, selector := range map[string]string{"service-3:v1": "app=service-3,version=v1", "service-3:v2": "app=service-3,version=v2", "older:none": "app=older"} {
		pod, err := a.mesh.Pod(t.Context(), accessNamespace, selector)
		if err != nil {
			t.Fatal(err)
		}
		for from := range a.clients {
			if from == "older" && what == "older:none" {
				continue // no pod here reaches itself
			}
			for _, lines := range a.spoofs(t) {
				if got := a.seen(t, from, lines, pod.IP+":8080"); got != what {
					t.Errorf("from %s, %v to the pod leads to %s, want %s", from, lines, got, what)
				}
			}
			want := what + " got x-override-id: 1, x-override: service-3:v2"
			if what == "older:none" {
				want = what
			}
			for _, lines := range []http.Header{{"X-Override-Token": {good}}, {"X-Override-Token": {good}, "X-Override": {"service-2:v2"}, "X-Override-Id": {"2"}}} {
				if got := a.seen(t, from, lines, pod.IP+":8080"); got != want {
					t.Errorf("from %s, a token to the pod leads to %s, want %s", from, got, want)
				}
			}
		}
	}
}

// seen calls a host from a pod, and returns who served, and which carriers the programs got.
func (a *accessMesh) seen(t *testing.T, from string, lines http.Header, host string) string {
	t.Helper()
	answer, failure := a.ask(t, from, lines, host)
	if failure != "" {
		return failure
	}
	var got []string
	for _, name := range []string{"X-Override", "X-Override-Id", "Baggage"} {
		for _, line := range received(&answer, name) {
			if name != "Baggage" || isOverrideMember(line) {
				got = append(got, strings.ToLower(name)+": "+line)
			}
		}
	}
	if len(got) == 0 {
		return answer.String()
	}
	slices.Sort(got)
	return fmt.Sprintf("%s got %s", answer.String(), strings.Join(slices.Compact(got), ", "))
}

// received lists the lines of a header that the programs of a chain got.
func received(answer *chain.Answer, header string) []string {
	out := slices.Clone(answer.Request.Headers[header])
	for i := range answer.Calls {
		out = append(out, received(&answer.Calls[i], header)...)
	}
	return out
}

// isOverrideMember reports whether a line of baggage has a member that proxies follow elsewhere.
func isOverrideMember(line string) bool {
	for member := range strings.SplitSeq(line, ",") {
		key, _, _ := strings.Cut(member, "=")
		if key = strings.TrimSpace(key); key == "override" || strings.HasPrefix(key, "override.") {
			return true
		}
	}
	return false
}

// checkedByUsers has the users' own RequestAuthentication in force at a called pod: it refuses what it
// refused without the filter, and the filter takes nothing away from it.
func (a *accessMesh) checkedByUsers(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("testdata/access-authentication.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policies := []byte(strings.NewReplacer("NAMESPACE", accessNamespace, "USERS", a.users.keys(t)).Replace(string(text)))
	if err := a.mesh.Apply(t.Context(), policies); err != nil {
		t.Fatal(err)
	}
	user := a.users.token(t, overrideClaims(nil, map[string]any{"iss": "idp.test", "aud": "shop"}))
	refused := "Bearer " + a.own.token(t, overrideClaims(nil, map[string]any{"iss": "idp.test", "aud": "shop"}))
	permitted := a.keys.override(t, "service-3:v2")
	a.await(t, "service-2", http.Header{"Authorization": {refused}}, "status 401")
	a.await(t, "service-2", http.Header{"X-Override-Token": {permitted}}, "status 403") // of the preview
	for _, c := range []struct {
		lines http.Header
		want  string
	}{
		{http.Header{}, "status 403"},
		{http.Header{"Authorization": {"Bearer " + user}}, "service-3:v1"},
		{http.Header{"Authorization": {"Bearer " + user}, "X-Override": {"service-3:v2"}}, "service-3:v1"},
		{http.Header{"Authorization": {"Bearer " + user}, "X-Override-Token": {a.own.override(t, "service-3:v2")}}, "service-3:v1"},
		{http.Header{"Authorization": {"Bearer " + user}, "X-Override-Token": {permitted}}, "service-3:v2"},
	} {
		if got := a.send(t, "service-2", c.lines, "service-3"); got != c.want {
			t.Errorf("%v leads to %s, want %s", c.lines, got, c.want)
		}
	}
	if err := a.mesh.Delete(t.Context(), policies); err != nil {
		t.Fatal(err)
	}
	a.await(t, "service-2", http.Header{}, "service-3:v1")
}
