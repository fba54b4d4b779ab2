package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// forgedToken is a token that no gateway may accept.
type forgedToken struct{ name, guard, text string }

// forged are attacks with tokens that are not valid, in each of the places where a valid one counts:
// the header, the cookie, and a link, which sets the cookie.
func (k *attackKeys) forged(t *testing.T) []attack {
	t.Helper()
	var out []attack
	for _, f := range slices.Concat(k.forgedSignatures(t), k.forgedHeaders(t), k.forgedClaims(t), k.malformed(t)) {
		out = append(out, attack{name: "token/" + f.name, guard: f.guard, lines: []string{"X-Override-Token: TOKEN"}, token: f.text})
		const inCookie = 4096 // browsers keep no longer one
		if strings.ContainsAny(f.text, " \",;%") || len(f.text) > inCookie {
			continue
		}
		out = append(out, attack{name: "cookie/" + f.name, lines: []string{"Cookie: preview=TOKEN"}, token: f.text})
		link := attack{name: "link/" + f.name, path: "/?x-override-token=TOKEN", token: f.text, ways: plainWays}
		if f.text == "" {
			link.in = inTokenModes("303 http://shop.example.com/ then " + toReleased) // the cookie is cleared
		}
		if parts := strings.Split(f.text, "."); len(parts) == 3 && strings.HasPrefix(f.text, "eyJ") && parts[0] != "eyJ" && parts[2] != "" && !strings.Contains(f.text, "=") {
			link.in = inTokenModes("303 http://shop.example.com/ then " + toReleased) // the cookie is set, and worth nothing
		}
		out = append(out, link)
	}
	return out
}

// forgedSignatures are tokens that say what a valid one says.
func (k *attackKeys) forgedSignatures(t *testing.T) []forgedToken {
	t.Helper()
	part := func(text string) string { return encoding.EncodeToString([]byte(text)) }
	good := k.good
	parts := strings.Split(good, ".")
	said := parts[0] + "." + parts[1] + "."
	point, text := k.ours.public(t)
	out := []forgedToken{
		{"signature of a", "", said + part(strings.Repeat("a", 64))},
		{"signature of zeros", "", said + part(strings.Repeat("\x00", 64))},
		{"signature of ones", "", said + part(strings.Repeat("\xff", 64))},
		{"signature of another token", "", said + k.cart[strings.LastIndex(k.cart, ".")+1:]},
		{"signature in DER", "", inDER(t, good)},
		{"signature twice", "", good + "." + parts[2]},
		{"signature too long", "", good + "AAAA"},
		{"signature empty", "", said},
		{"signature missing", "", parts[0] + "." + parts[1]},
		{"other claims", "", parts[0] + "." + part(`{"iss":"overrides.mesh","aud":"overrides","exp":9999999999,"override":"web:v2"}`) + "." + parts[2]},
		{"claims of another token", "", parts[0] + "." + strings.Split(k.cart, ".")[1] + "." + parts[2]},
		{"attacker's key", "signature", k.evil.override(t, "web:v2")},
		{"users' key", "", k.users.override(t, "web:v2")},
		{"public key as a secret", "", withSecret(t, point)},
		{"public key in PEM as a secret", "", withSecret(t, text)},
		{"public keys as a secret", "", withSecret(t, []byte(k.ours.keys(t)))},
		{"empty secret", "", withSecret(t, nil)},
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		said := part(fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg)) + "." + parts[1] + "."
		out = append(out, forgedToken{fmt.Sprintf("alg %q", alg), "", said}, forgedToken{fmt.Sprintf("alg %q with a signature", alg), "", said + parts[2]})
	}
	for _, alg := range []string{"HS256", "RS256", "ES384", "ES512", "PS256", "EdDSA", "es256"} {
		out = append(out, forgedToken{"alg " + alg, "", part(fmt.Sprintf(`{"alg":%q,"kid":"1","typ":"JWT"}`, alg)) + "." + parts[1] + "." + parts[2]})
	}
	return out
}

// forgedHeaders are tokens by an attacker's key, which their headers should lead to.
func (k *attackKeys) forgedHeaders(t *testing.T) []forgedToken {
	t.Helper()
	evil := strings.TrimSuffix(strings.TrimPrefix(k.evil.keys(t), `{"keys":[`), "]}")
	var out []forgedToken
	for _, h := range []struct{ name, rest string }{
		{"no kid", ``},
		{"kid unknown", `,"kid":"2"`},
		{"kid empty", `,"kid":""`},
		{"kid is a path", `,"kid":"../../../../dev/null"`},
		{"kid is a query", `,"kid":"1' UNION SELECT 'a"`},
		{"kid is a command", `,"kid":"1|sleep 30"`},
		{"kid is an address", `,"kid":"http://127.0.0.1:15000/quitquitquit"`},
		{"kid with a line break", `,"kid":"1\r\nx-override: web:v2"`},
		{"kid with NUL", `,"kid":"1\u0000"`},
		{"kid is a number", `,"kid":1`},
		{"kid is a list", `,"kid":["1"]`},
		{"kid is null", `,"kid":null`},
		{"kid is long", `,"kid":"` + strings.Repeat("1", 2000) + `"`},
		{"kid twice", `,"kid":"2","kid":"1"`},
		{"its own key", `,"kid":"1","jwk":` + evil},
		{"address of its keys", `,"kid":"1","jku":"http://127.0.0.1:15000/server_info"`},
		{"address of its certificate", `,"kid":"1","x5u":"http://127.0.0.1:15000/certs"`},
		{"its own certificate", `,"kid":"1","x5c":["AAAA"]`},
		{"unknown extension", `,"kid":"1","crit":["overrides"],"overrides":true`},
		{"compressed", `,"kid":"1","zip":"DEF"`},
	} {
		out = append(out, forgedToken{h.name, "", k.evil.sign(t, `{"alg":"ES256","typ":"JWT"`+h.rest+`}`, payload(t, nil))})
	}
	return out
}

// forgedClaims are tokens by our key that are for something else, or for another time.
func (k *attackKeys) forgedClaims(t *testing.T) []forgedToken {
	t.Helper()
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	var out []forgedToken
	for _, c := range []struct {
		name, guard, claim string
		value              any
	}{
		{"audience of others", "audience", "aud", "shop"},
		{"audiences of others", "audience", "aud", []string{"shop", "overrides-x"}},
		{"audience that begins alike", "audience", "aud", "overrides/x"},
		{"audience in capitals", "audience", "aud", "OVERRIDES"},
		{"audience missing", "audience", "aud", nil},
		{"audience empty", "audience", "aud", ""},
		{"issuer of users", "issuer", "iss", "idp.test"},
		{"issuer that begins alike", "issuer", "iss", "overrides.mesh.example.org"},
		{"issuer in capitals", "issuer", "iss", "Overrides.Mesh"},
		{"issuer missing", "issuer", "iss", nil},
		{"issuer is a list", "", "iss", []string{"overrides.mesh"}},
		{"expired", "", "exp", at(-2 * time.Minute)},
		{"expired in 1970", "", "exp", 1},
		{"never expires", "lifetime", "exp", nil},
		{"expires as text", "", "exp", "9999999999"},
		{"expires at null", "", "exp", "null"},
		{"expires in ten years", "lifetime", "exp", at(10 * 365 * 24 * time.Hour)},
		{"expires in a day and an hour", "lifetime", "exp", at(25 * time.Hour)},
		{"expires never again", "lifetime", "exp", int64(1) << 53},
		{"expires before 1970", "", "exp", -1},
		{"not yet valid", "", "nbf", at(time.Hour / 2)},
		{"valid from next year on", "", "nbf", at(365 * 24 * time.Hour)},
		{"valid from text on", "", "nbf", "0"},
	} {
		out = append(out, forgedToken{c.name, c.guard, k.withClaim(t, c.claim, c.value)})
	}
	return append(
		out,
		forgedToken{"another issuer's with our claim", "", k.users.token(t, overrideClaims("web:v2", map[string]any{"iss": "idp.test", "groups": "testers"}))},
		forgedToken{"another issuer's with our names", "", k.users.override(t, "web:v2")},
		forgedToken{"ours for users", "", k.ours.token(t, overrideClaims("web:v2", map[string]any{"iss": "idp.test", "groups": "testers"}))},
	)
}

// malformed are texts that are no tokens.
func (k *attackKeys) malformed(t *testing.T) []forgedToken {
	t.Helper()
	good := k.good
	evil := k.evil.override(t, "web:v2")
	parts := strings.Split(good, ".")
	part := func(text string) string { return encoding.EncodeToString([]byte(text)) }
	return []forgedToken{
		{"empty", "", ""},
		{"an override", "", "web:v2"},
		{"the beginning", "", "eyJ"},
		{"only beginnings", "", "eyJ.eyJ.eyJ"},
		{"cut by a byte", "", good[:len(good)-1]},
		{"cut by four", "", good[:len(good)-4]},
		{"cut in the claims", "", good[:len(parts[0])+20]},
		{"capitals", "", strings.ToUpper(good)},
		{"in quotes", "", `"` + good + `"`},
		{"in brackets", "", "<" + good + ">"},
		{"Bearer", "", "Bearer " + good},
		{"a space inside", "", strings.Replace(good, ".", ". ", 1)},
		{"percent-encoded", "", strings.ReplaceAll(good, ".", "%2E")},
		{"two in a line", "", evil + ", " + good},
		{"two in a line, valid first", "", good + ", " + evil},
		{"with an override", "", good + ", web:v2"},
		{"with a parameter", "", good + ";strict"},
		{"header is no JSON", "", part(`{"alg":"ES256"`) + "." + parts[1] + "." + parts[2]},
		{"claims are no JSON", "", parts[0] + "." + part(`{`) + "." + parts[2]},
		{"claims are a list", "", k.ours.sign(t, `{"alg":"ES256","kid":"1"}`, `["web:v2"]`)},
		{"claims are text", "", k.ours.sign(t, `{"alg":"ES256","kid":"1"}`, `"web:v2"`)},
		{"claims are nested deeply", "", k.evil.sign(t, `{"alg":"ES256","kid":"1"}`, strings.Repeat(`{"a":`, 200)+"1"+strings.Repeat("}", 200))},
		{"parts without end", "", strings.Repeat("eyJ.", 2000)},
		{"8 KiB", "", "eyJ" + strings.Repeat("a", 8<<10) + ".a.a"},
		{"30 KiB", "", "eyJ" + strings.Repeat("a", 30<<10) + ".a.a"},
	}
}
