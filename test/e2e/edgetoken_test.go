package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const tokenNamespace = "edge-token"

// TestEdgeToken sends tokens of all kinds through a gateway that follows what valid tokens
// permit. No other request is routed to a preview or changes, and none is refused.
func TestEdgeToken(t *testing.T) {
	t.Parallel()
	e := openEdgeIn(t, tokenNamespace)
	e.follow(t)
	ordinary := ordinaryAtEdge()
	before := e.play(t, ordinary)
	idp := newIssuer(t)
	keys := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(keys, []byte(idp.keys(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, err := exec.CommandContext(t.Context(), programs(t).Overrides, "edge", "public", "-q", "--kubeconfig", e.mesh.Kubeconfig, "-n", tokenNamespace,
		"--header", "Token", "--token-jwks", keys, "--token-cookie", "preview", "--token-link").Output()
	if err != nil {
		t.Fatalf("overrides edge: %v\n%s", err, stderrOf(err))
	}
	if err := e.mesh.Apply(t.Context(), printed); err != nil {
		t.Fatal(err)
	}
	good := idp.override(t, "web:v2")
	e.awaitRoutes(t, atEdge{host: edgeShop, lines: http.Header{"X-Override-Token": {good}}}, "v2")
	e.awaitRoutes(t, atEdge{host: edgeShop, lines: http.Header{"X-Override": {"web:v2"}}}, "v1")
	cases := append(edgeCarriers(), idp.tokenCases(t)...)
	t.Run("Cases", func(t *testing.T) { e.plays(t, cases, "Strip") })
	t.Run("Ordinary", func(t *testing.T) {
		for i, got := range e.play(t, ordinary) {
			if got != before[i] {
				t.Errorf("%v\nbefore %s\nafter  %s", ordinary[i], before[i], got)
			}
		}
	})
	t.Run("Link", func(t *testing.T) { e.tokenLinks(t, good) })
	t.Run("Logs", func(t *testing.T) { e.tokenLogs(t, good) })
	t.Run("Guarded", func(t *testing.T) { e.tokenGuarded(t, good) })
	t.Logf("%d requests with HTTP/1.1 and HTTP/2, %d ordinary ones", len(cases), len(ordinary))
}

// tokenLogs has the gateway log requests in Istio's default format (istio
// pilot/pkg/model: EnvoyTextLogFormat): no token is in the line of one that a link, a cookie or
// a header sends.
func (e *edgeFront) tokenLogs(t *testing.T, good string) {
	t.Helper()
	logging := fmt.Sprintf(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: logs, namespace: %s}
spec:
  workloadSelector: {labels: {istio: %[1]s}}
  configPatches:
  - applyTo: NETWORK_FILTER
    match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch:
      operation: MERGE
      value:
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source:
                  inline_string: |
                    [%%START_TIME%%] "%%REQ(:METHOD)%% %%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%% %%PROTOCOL%%" %%RESPONSE_CODE%% %%RESPONSE_FLAGS%% %%RESPONSE_CODE_DETAILS%% %%CONNECTION_TERMINATION_DETAILS%% "%%UPSTREAM_TRANSPORT_FAILURE_REASON%%" %%BYTES_RECEIVED%% %%BYTES_SENT%% %%DURATION%% %%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%% "%%REQ(X-FORWARDED-FOR)%%" "%%REQ(USER-AGENT)%%" "%%REQ(X-REQUEST-ID)%%" "%%REQ(:AUTHORITY)%%" "%%UPSTREAM_HOST%%" %%UPSTREAM_CLUSTER_RAW%% %%UPSTREAM_LOCAL_ADDRESS%% %%DOWNSTREAM_LOCAL_ADDRESS%% %%DOWNSTREAM_REMOTE_ADDRESS%% %%REQUESTED_SERVER_NAME%% %%ROUTE_NAME%%
`, tokenNamespace)
	if err := e.mesh.Apply(t.Context(), []byte(logging)); err != nil {
		t.Fatal(err)
	}
	send := e.withCookie(t)
	wants := []string{`"GET /?logged=link HTTP/1.1" 303 `, `"GET /?logged=cookie HTTP/1.1" 200 `, ` "logged=header" `}
	var logs string
	programtest.Eventually(t, time.Minute, time.Second, "logs of the gateway", func(ctx context.Context) string {
		send("GET", "/?logged=link&x-override-token="+good, "")
		send("GET", "/?logged=cookie", "preview="+good)
		if _, err := e.sendAtEdge(ctx, e.client, atEdge{host: edgeShop, lines: http.Header{"X-Override-Token": {good}, "User-Agent": {"logged=header"}}}); err != nil {
			return err.Error()
		}
		logs = e.logged(t)
		for _, want := range wants {
			if !strings.Contains(logs, want) {
				return "no line has " + want
			}
		}
		return ""
	})
	signature := good[strings.LastIndex(good, ".")+1:]
	for line := range strings.Lines(logs) {
		if strings.Contains(line, "logged=") && strings.Contains(line, signature) {
			t.Errorf("a log has the token: %s", line)
		}
	}
}

// logged returns the logs of all proxies in the namespace.
func (e *edgeFront) logged(t *testing.T) string {
	t.Helper()
	files, err := e.mesh.LogFiles(tokenNamespace, "", "istio-proxy")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	return out.String()
}

// tokenGuarded denies requests with an override: guards see the header that the token makes.
func (e *edgeFront) tokenGuarded(t *testing.T, good string) {
	t.Helper()
	guard := fmt.Sprintf(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: %s}
spec:
  selector: {matchLabels: {istio: %[1]s}}
  action: DENY
  rules: [{when: [{key: "request.headers[x-override]", values: ["*"]}]}]
`, tokenNamespace)
	if err := e.mesh.Apply(t.Context(), []byte(guard)); err != nil {
		t.Fatal(err)
	}
	send := func(lines http.Header) string {
		e.client.CloseIdleConnections()
		got, err := e.sendAtEdge(t.Context(), e.client, atEdge{host: edgeShop, lines: lines})
		if err != nil && got == "" {
			t.Fatal(err)
		}
		return got
	}
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "the guard", func(context.Context) string {
		if got := send(http.Header{"X-Override-Token": {good}}); got != "status 403" {
			return got
		}
		return ""
	})
	for _, lines := range []http.Header{{}, {"X-Override": {"web:v2"}}, {"X-Override-Token": {good[:len(good)-4]}}} {
		if got := send(lines); !strings.Contains(got, "web:v1 cart:v1") {
			t.Errorf("%v gets %s", lines, got)
		}
	}
}

// overrideClaims returns the claims of a token that is accepted for an hour, with some of them replaced; nil
// leaves one out.
func overrideClaims(override any, changed map[string]any) map[string]any {
	now := time.Now()
	out := map[string]any{
		"iss": "overrides.mesh", "aud": "overrides", "sub": "ada", "jti": "1", "override": override,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(out, changed)
	maps.DeleteFunc(out, func(_ string, value any) bool { return value == nil })
	return out
}

func (i *issuer) override(t *testing.T, override any) string {
	t.Helper()
	return i.token(t, overrideClaims(override, nil))
}

// tokenCases are requests with tokens, and those that only look like it.
func (i *issuer) tokenCases(t *testing.T) []atEdge {
	t.Helper()
	good, cart, other := i.override(t, "web:v2"), i.override(t, "cart:v2"), newIssuer(t)
	with := func(claim string, value any) string {
		return i.token(t, overrideClaims("web:v2", map[string]any{claim: value}))
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	parts := strings.Split(good, ".")
	list, err := json.Marshal([]string{"web:v2"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	valid := []struct {
		lines    http.Header
		made     string
		stripped bool
	}{
		{lines: http.Header{"X-Override-Token": {good}}, made: "web:v2"},
		{lines: http.Header{"x-override-TOKEN": {cart}}, made: "cart:v2"},
		{lines: http.Header{"X-Override-Token": {i.override(t, "*:v2")}}, made: "*:v2"},
		{lines: http.Header{"X-Override-Token": {i.override(t, "web:v2, cart:v2;strict")}}, made: "web:v2, cart:v2;strict"},
		{lines: http.Header{"Cookie": {"preview=" + good}}, made: "web:v2"},
		{lines: http.Header{"Cookie": {"a=b; preview=" + good + "; c=d"}}, made: "web:v2"},
		{lines: http.Header{"Cookie": {"a=b", "preview=" + good}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {good}, "Cookie": {"preview=" + cart}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {good}, "X-Override": {"cart:v2"}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {good}, "x-override": {"cart:v2", "*:v2"}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {good}, "Baggage": {"override.cart=v2"}}, made: "web:v2", stripped: true},
		{lines: http.Header{"X-Override-Token": {good}, "Authorization": {"Bearer " + cart}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {good}, "X-Override-Link": {"x"}, "X-Override-Link-Path": {"/y"}}, made: "web:v2"},
		{lines: http.Header{"X-Override-Token": {"." + good}}, made: "web:v2"},                                   // Envoy searches the line for it
		{lines: http.Header{"X-Override-Token": {with("exp", now.Add(-30*time.Second).Unix())}}, made: "web:v2"}, // within the skew
	}
	var out []atEdge
	for _, v := range valid {
		out = append(out, atEdge{host: edgeShop, lines: v.lines, made: v.made, stripped: v.stripped})
	}
	forged := strings.Join(parts[:2], ".") + "." + part(strings.Repeat("a", 64))
	for _, text := range []string{
		forged,
		other.override(t, "web:v2"),
		part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		part(`{"alg":"HS256","kid":"1","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		part(`{"alg":"RS256","kid":"1","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		part(`{"alg":"ES384","kid":"1","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		part(`{"alg":"ES256","kid":"2","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		parts[0] + "." + part(`{"iss":"overrides.mesh","aud":"overrides","exp":9999999999,"override":"web:v2"}`) + "." + parts[2],
		with("iss", "idp.test"), with("iss", nil), with("aud", "shop"), with("aud", nil), with("aud", []string{"shop", "overrides-x"}),
		with("exp", now.Add(-2*time.Minute).Unix()), with("exp", nil), with("exp", "9999999999"), with("exp", now.Add(25*time.Hour).Unix()), with("exp", now.AddDate(10, 0, 0).Unix()),
		with("nbf", now.Add(2*time.Minute).Unix()),
		i.override(t, nil), i.override(t, ""), i.token(t, overrideClaims(nil, map[string]any{"overrides": "web:v2", "OVERRIDE": "web:v2"})),
		"Bearer " + good, good + "." + parts[2], parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".", "web:v2", "", "eyJ", "eyJ.eyJ.eyJ",
		strings.ToUpper(good), good[:len(good)-4], strings.Replace(good, ".", ". ", 1), "=" + good, `"` + good + `"`,
		part(`{"alg":"ES256"`) + "." + part(`{`) + "." + parts[2], strings.Repeat("eyJ.", 2000), "eyJ" + strings.Repeat("a", 30_000) + ".a.a",
	} {
		out = append(out, atEdge{host: edgeShop, lines: http.Header{"X-Override-Token": {text}}})
		if !strings.ContainsAny(text, " \"") && len(text) < 4096 {
			out = append(out, atEdge{host: edgeShop, lines: http.Header{"Cookie": {"preview=" + text}}})
		}
	}
	for _, lines := range []http.Header{
		{"Authorization": {"Bearer " + good}},
		{"X-Override_Token": {good}},
		{"X-Override-Tokens": {good}},
		{"X-Token": {good}},
		{"Cookie": {"xpreview=" + good}},
		{"Cookie": {"preview-2=" + good}},
		{"Cookie": {"a=preview=" + good}},
		{"Cookie": {"x-override-token=" + good}},
		{"X-Override": {good}},
		{"X-Override-Link": {good}, "X-Override-Link-Path": {"/"}},
		{"X-Override": {"web:v2"}, "X-Override-Token": {forged}},
		{"X-Override": {"web:v2"}, "Cookie": {"preview=" + forged}},
	} {
		out = append(out, atEdge{host: edgeShop, lines: lines})
	}
	// A claim that is no text becomes a header that asks for nothing.
	out = append(out, atEdge{host: edgeShop, lines: http.Header{"X-Override-Token": {i.override(t, []string{"web:v2"})}}, made: base64.StdEncoding.EncodeToString(list)})
	return out
}

// tokenLinks opens links with tokens.
func (e *edgeFront) tokenLinks(t *testing.T, good string) {
	t.Helper()
	send := e.withCookie(t)
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "routes of links", func(context.Context) string {
		if got := send("GET", "/?x-override-token="+good, ""); !strings.HasPrefix(got, "303 ") {
			return got
		}
		return ""
	})
	const attributes = "; HttpOnly; Secure; SameSite=Lax"
	set, cleared := "preview="+good+"; Path=/; Max-Age=28800"+attributes, "preview=; Path=/; Max-Age=0"+attributes
	for _, c := range []struct{ path, to, cookie string }{
		{"/?x-override-token=" + good, "/", set},
		{"/cart?b=2&x-override-token=" + good + "&a=%26&b=1", "/cart?b=2&a=%26&b=1", set},
		{"/cart?x-override-token=" + good + "&a=1", "/cart?a=1", set},
		{"//evil.example.com/?x-override-token=" + good, "//evil.example.com/", set},
		{"/?a=1&x-override-token=", "/?a=1", cleared},
	} {
		want := fmt.Sprintf("303 Cache-Control: no-store; Location: http://%s%s; ", edgeShop, c.to)
		if got := send("GET", c.path, ""); !strings.HasPrefix(got, want) || !strings.Contains(got, "Set-Cookie: "+c.cookie) {
			t.Errorf("%s\ngot  %s\nwant %s and %s", c.path, got, want, c.cookie)
		}
	}
	for _, path := range []string{
		"/?x-override-token=web:v2", "/?x-override-token=eyJ.a", "/?x-override-token=" + good + "%0d%0aset-cookie:b", "/?x-override-token=" + good + ";b",
		"/?xx-override-token=" + good, "/x-override-token=" + good, "/?x-override=v2",
	} {
		if got := send("GET", path, ""); strings.HasPrefix(got, "303 ") || !strings.Contains(got, "by web:v1 cart:v1") {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := send("POST", "/?x-override-token="+good, ""); strings.HasPrefix(got, "303 ") || !strings.Contains(got, "by web:v1 cart:v1") {
		t.Errorf("a POST is a link: %s", got)
	}
	if got := send("GET", "/", "preview="+good); !strings.Contains(got, "by web:v2 cart:v1") {
		t.Errorf("the cookie leads to %s", got)
	}
}
