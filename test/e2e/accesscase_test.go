package e2e_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// releasedPath is that of a request without an override.
const releasedPath = "service-1:v1 → service-2:v1 → service-3:v1"

// tokens sends valid tokens, which are followed at each hop.
func (a *accessMesh) tokens(t *testing.T) {
	t.Helper()
	second, third, both := "service-1:v1 → service-2:v2 → service-3:v1", "service-1:v1 → service-2:v1 → service-3:v2", "service-1:v1 → service-2:v2 → service-3:v2"
	token := func(override string) string { return a.keys.override(t, override) }
	for _, c := range []struct {
		lines http.Header
		want  string
	}{
		{http.Header{"X-Override-Token": {token("service-2:v2")}}, second},
		{http.Header{"X-Override-Token": {token("service-3:v2")}}, third},
		{http.Header{"X-Override-Token": {token("*:v2")}}, both},
		{http.Header{"X-Override-Token": {token("service-2:v2, service-3." + accessNamespace + ":v2")}}, both},
		{http.Header{"X-Override-Token": {token("service-3:v2")}, "X-Override": {"service-2:v2"}}, third},
		{http.Header{"X-Override-Token": {token("service-3:v2")}, "Baggage": {"override.service-2=v2"}}, third},
		{http.Header{"X-Override-Token": {token("service-9:v2")}}, releasedPath},
	} {
		if got := a.send(t, "service-2", c.lines, "service-1"); got != c.want {
			t.Errorf("%v leads to %s, want %s", c.lines, got, c.want)
		}
	}
	user := func(changed map[string]any) string {
		claims := map[string]any{"iss": "idp.test", "aud": []string{"other", "shop"}, "sub": nil, "jti": nil}
		maps.Copy(claims, changed)
		return "Bearer " + a.users.token(t, overrideClaims("service-3:v2", claims))
	}
	for _, c := range []struct {
		lines http.Header
		want  string
	}{
		{http.Header{"Authorization": {user(nil)}}, "service-3:v2"},
		{http.Header{"Authorization": {user(map[string]any{"override": nil})}}, "service-3:v1"},
		{http.Header{"Authorization": {user(map[string]any{"aud": "other"})}}, "service-3:v1"},
		{http.Header{"Authorization": {"Bearer " + token("service-3:v2")}}, "service-3:v1"},
		{http.Header{"X-Override-Token": {strings.TrimPrefix(user(nil), "Bearer ")}}, "service-3:v1"},
		{http.Header{"Baggage": {"overrides.token=" + token("service-3:v2")}}, "service-3:v2"},
		{http.Header{"Baggage": {"a=b , overrides.token = " + token("service-3:v2") + " ;p=q", "c=d"}}, "service-3:v2"},
		{http.Header{"Baggage": {"a=b", "overrides.token=" + token("service-3:v2") + ",override.service-3=v1"}}, "service-3:v2"},
		{http.Header{"Baggage": {"xoverrides.token=" + token("service-3:v2")}}, "service-3:v1"},
		{http.Header{"Baggage": {"overrides.token=" + token("service-3:v2")}, "X-Override-Token": {token("service-2:v2")}}, "service-3:v1"},
	} {
		if got := a.send(t, "service-2", c.lines, "service-3"); got != c.want {
			t.Errorf("%v leads to %s, want %s", c.lines, got, c.want)
		}
	}
}

// forged sends tokens that are not valid: the request is an ordinary one, and not refused.
func (a *accessMesh) forged(t *testing.T) {
	t.Helper()
	good := a.keys.override(t, "service-3:v2")
	with := func(claim string, value any) string {
		return a.keys.token(t, overrideClaims("service-3:v2", map[string]any{claim: value}))
	}
	now := time.Now()
	for _, text := range []string{
		good[:len(good)-4], a.own.override(t, "service-3:v2"), a.users.override(t, "service-3:v2"), "Bearer " + good, "service-3:v2", "eyJ.eyJ.eyJ", strings.Repeat("eyJ.", 1000),
		with("exp", now.Add(-2*time.Minute).Unix()), with("exp", nil), with("exp", now.AddDate(1, 0, 0).Unix()), with("nbf", now.Add(2*time.Minute).Unix()),
		with("iss", "idp.test"), with("aud", "shop"), with("override", nil), with("override", []string{"service-3:v2"}),
	} {
		for _, to := range []string{"service-1", "service-3"} {
			want := releasedPath
			if to == "service-3" {
				want = "service-3:v1"
			}
			for _, lines := range []http.Header{{"X-Override-Token": {text}}, {"X-Override-Token": {text}, "X-Override": {"*:v2"}}} {
				if got := a.send(t, "service-2", lines, to); got != want {
					t.Errorf("%v leads to %s, want %s", lines, got, want)
				}
			}
		}
	}
}
