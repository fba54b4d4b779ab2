package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// oddClaim is a claim of a token that our key has signed, and what its holder gets.
type oddClaim struct {
	name string
	// value is the claim override, as JSON.
	value string
	want  string
}

// claims are attacks with tokens that are valid but for their claim, which smuggles a version past
// what the claim says as a whole.
func (k *attackKeys) claims(t *testing.T) []attack {
	t.Helper()
	var out []attack
	add := func(c *oddClaim, text string) {
		a := attack{name: "claim/" + c.name, lines: []string{"X-Override-Token: TOKEN"}, token: text}
		if c.want != "" {
			a.in = inTokenModes(c.want)
		}
		out = append(out, a)
	}
	for _, c := range oddClaims() {
		add(&c, k.ours.sign(t, `{"alg":"ES256","kid":"1","typ":"JWT"}`, payload(t, map[string]any{"override": json.RawMessage(c.value)})))
	}
	for _, text := range smuggled() {
		value, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		add(&oddClaim{name: fmt.Sprintf("%q", text)}, k.ours.sign(t, `{"alg":"ES256","kid":"1","typ":"JWT"}`, payload(t, map[string]any{"override": json.RawMessage(value)})))
	}
	rest := strings.TrimPrefix(payload(t, map[string]any{"override": nil}), "{")
	for name, claims := range map[string]string{
		"missing":             `{`,
		"another name":        `{"overrides":"web:v2","Override":"web:v2","x-override":"web:v2",`,
		"twice":               `{"override":"web:v2","override":"web:v2",`,
		"in another claim":    `{"realm":{"override":"web:v2"},`,
		"in a name with dots": `{"a.override":"web:v2","override.a":"web:v2",`,
	} {
		add(&oddClaim{name: name}, k.ours.sign(t, `{"alg":"ES256","kid":"1","typ":"JWT"}`, claims+rest))
	}
	return out
}

// oddClaims are claims of other types, and with bytes that no header has.
func oddClaims() []oddClaim {
	const refused = "status 503" // Envoy refuses the request: docs/edge.md says so
	return []oddClaim{
		{"empty", `""`, ""},
		{"null", `null`, ""},
		{"a number", `2`, ""},
		{"true", `true`, ""},
		{"a list", `["web:v2"]`, ""},
		{"a list of two", `["web:v2","cart:v2"]`, ""},
		{"an empty list", `[]`, ""},
		{"a nested list", `[["web:v2"]]`, ""},
		{"an object", `{"web":"v2"}`, ""},
		{"a nested object", `{"override":{"override":"web:v2"}}`, ""},
		{"an empty object", `{}`, ""},
		{"CR LF", `"nothing:v1\r\nx-override: web:v2"`, refused},
		{"LF", `"nothing:v1\nx-override: web:v2"`, refused},
		{"CR", `"nothing:v1\rweb:v2"`, refused},
		{"NUL", `"web:v2\u0000"`, refused},
		{"DEL", `"web:v2\u007f"`, refused},
		{"escape", `"web:v2\u001b[2J"`, refused},
		{"a lone surrogate", `"web:v2\ud800"`, ""},
		{"a version that does not exist", `"web:v9"`, ""},
		{"a version that does not exist, strict", `"web:v9;strict"`, "status 503"},
		{"strict twice", `"web:v2;strict;strict"`, "status 503"}, // malformed, and still not served silently
		{"a service that does not exist", `"nothing:v2;strict"`, ""},
		{"long", `"` + strings.Repeat("nothing:v1,", 1000) + `nothing:v2"`, ""},
	}
}

// smuggled are claims that don't mean version v2 of web.
func smuggled() []string {
	return []string{
		"nothing:v1;web:v2", "nothing:v1 web:v2", "nothing:v1;x=web:v2", "nothing:v1;from=web:v2", "nothing:v1|web:v2", "nothing:v1&web:v2", "nothing:v1/web:v2",
		"web:v2;x=1", "web:v2;strict=1", "web:v2;", "web:v2;from=nobody", "web:v2;method=DELETE", "web:v2;from=", "web:v2;from=gateway;x",
		"web:v22", "web:v2.", "web:v2-x", "web:V2", "Web:v2", "xweb:v2", "web:xv2", "web :v2", "web: v2", "web::v2", "web:v2:v2", "web=v2", "web", "v2", ":v2",
		"web.other:v2", "web.edge-attack.svc:v2", "web.:v2", "web.edge-attack.svc.cluster.local:v2", "*.other:v2", "*:v9", "**:v2", "*web:v2", "*:v2;from=gateway", "*:v2;method=GET", "w*:v2", "*", ".*:v2", "(web):v2", "[w]eb:v2",
		`"web:v2"`, `'web:v2'`, "(web:v2)", "web:v2\\", "\\web:v2", "web%3Av2", "web:v%32", "web:v2%00", "web:v2%0d%0a", "override.web=v2", "%REQ(x-override)%", "%DYNAMIC_METADATA(a)%", "{{web:v2}}", "${web:v2}",
		"web\u2236v2", "web\uff1av2", "\uff57eb:v2", "we\u200bb:v2", "\u00a0web:v2", "web:v2\u00a0", "web:v\u00b2", "web:v2\u2028", "\ufeffweb:v2", "\u202eweb:v2", "web:v2\u0301", "w\u0435b:v2",
		"nothing:v1\uff0cweb:v2", "nothing:v1\u060cweb:v2", "nothing:v1\u3001web:v2",
	}
}

// accepted are tokens in odd forms by our key, which a gateway accepts. Each permits what its holder
// gets, so none is an attack; explain and mint are stricter.
func (k *attackKeys) accepted(t *testing.T) []attack {
	t.Helper()
	var out []attack
	for name, text := range map[string]string{
		"no kid":               k.ours.sign(t, `{"alg":"ES256","typ":"JWT"}`, payload(t, nil)),
		"several audiences":    k.withClaim(t, "aud", []string{"shop", "overrides"}),
		"9 KiB":                k.withClaim(t, "extra", strings.Repeat("a", 9<<10)),
		"issued in the future": k.withClaim(t, "iat", 1<<33),
		"padded":               k.good + "==",
	} {
		out = append(out, attack{name: "accepted/" + name, lines: []string{"X-Override-Token: TOKEN"}, token: text, in: inTokenModes(toPreview)})
	}
	return append(out, attack{name: "accepted/behind a comma", lines: []string{"Cookie: a=b,preview=TOKEN"}, token: k.good, in: inTokenModes(toPreview)})
}
