package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

var (
	now  = time.Unix(1_800_000_000, 0)
	want = &token.Expected{Issuer: "overrides.mesh", Audience: "overrides", MaxLifetime: 24 * time.Hour}
)

func newKey(t *testing.T, algorithm string) *token.Key {
	t.Helper()
	key, err := token.NewKey(algorithm, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(members ...grammar.Member) *token.Request {
	return &token.Request{Issuer: "overrides.mesh", Audience: "overrides", Subject: "ada@example.com", ID: "1", Members: members}
}

// TestMintVerify: what is minted is accepted from then until its lifetime and the skew have
// passed, by the key that signed it and after keys were written and read, and not with a byte
// changed.
func TestMintVerify(t *testing.T) {
	t.Parallel()
	for _, algorithm := range token.Algorithms {
		key, other := newKey(t, algorithm), newKey(t, algorithm)
		private, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if key, err = token.ParseKey(private); err != nil {
			t.Fatal(err)
		}
		public, err := json.Marshal(token.Public(other, key))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := token.ParseKeySet(public)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			lifetime := time.Duration(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)).Draw(t, "lifetime"))
			r := request(grammar.Member{Service: "cart", Namespace: rapid.SampledFrom([]string{"", "shop"}).Draw(t, "namespace"), Version: rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?`).Draw(t, "version")},
				grammar.Member{Service: "*", Version: "pr-118"})
			r.Lifetime = lifetime
			text, claims, err := token.Mint(key, r, &token.Limits{}, now)
			if err != nil {
				t.Fatal(err)
			}
			at := now.Add(time.Duration(rapid.Int64Range(int64(-2*time.Minute), int64(25*time.Hour)).Draw(t, "at")))
			got, err := token.Verify(text, keys, want, at)
			end := time.Unix(claims.Expiry, 0).Add(token.Skew)
			if valid := !at.Before(now.Add(-token.Skew)) && at.Before(end); valid != (err == nil) {
				t.Fatalf("%v after it was made, with a lifetime of %v: %v", at.Sub(now), lifetime, err)
			}
			if err == nil && got.Override != r.Members[0].String()+", *:pr-118" {
				t.Fatalf("it says %q", got.Override)
			}
			if late := end.Sub(now) - token.Skew - lifetime; late < 0 || late >= time.Second {
				t.Fatalf("a lifetime of %v ends %v late", lifetime, late)
			}
			if _, err := token.Verify(text, token.Public(other), want, now); err == nil {
				t.Fatal("another key is accepted")
			}
			i := rapid.IntRange(0, len(text)-1).Draw(t, "changed")
			changed := text[:i] + string(text[i]^1) + text[i+1:]
			// The last character of a part has bits that are not used.
			if _, err := token.Verify(changed, keys, want, now); err == nil && i+1 < len(text) {
				t.Fatalf("byte %d can be changed", i)
			}
		})
	}
}

// forge makes a token by hand.
func forge(t *testing.T, private *ecdsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	switch header["alg"] {
	case "none":
		signature = nil
	case "HS256":
		public, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestForged: a token that differs in one way from one that is accepted is refused for that
// reason.
func TestForged(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	coordinate := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "a", "x": coordinate(point[1:33]), "y": coordinate(point[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.ParseKeySet(set)
	if err != nil {
		t.Fatal(err)
	}
	another, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]any{"alg": "ES256", "typ": "JWT", "kid": "a"}
	claims := map[string]any{
		"iss": "overrides.mesh", "aud": "overrides", "sub": "ada", "jti": "1", "override": "cart:v2",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	with := func(m map[string]any, name string, value any) map[string]any {
		out := maps.Clone(m)
		if out[name] = value; value == nil {
			delete(out, name)
		}
		return out
	}
	claim := func(name string, value any) string { return forge(t, private, header, with(claims, name, value)) }
	signed := forge(t, private, header, claims)
	if _, err := token.Verify(signed, keys, want, now); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"no token":                    {"x", "no signed token"},
		"empty":                       {"", "no signed token"},
		"no signature":                {signed[:strings.LastIndex(signed, ".")+1], "signature"},
		"two parts":                   {signed[:strings.LastIndex(signed, ".")], "no signed token"},
		"two tokens":                  {signed + "," + signed, "no signed token"},
		"a space":                     {" " + signed, "no signed token"},
		"too long":                    {claim("extra", strings.Repeat("a", token.MaxBytes)), "bytes"},
		"alg none":                    {forge(t, private, with(header, "alg", "none"), claims), "no signed token"},
		"alg None":                    {forge(t, private, with(header, "alg", "None"), claims), "no signed token"},
		"the public key as a secret":  {forge(t, private, with(header, "alg", "HS256"), claims), "no signed token"},
		"another algorithm":           {forge(t, private, with(header, "alg", "EdDSA"), claims), "alg"},
		"another key":                 {forge(t, another, header, claims), "signature"},
		"its own key":                 {forge(t, another, with(header, "jwk", json.RawMessage(set)), claims), ""},
		"no kid":                      {forge(t, private, with(header, "kid", nil), claims), "kid"},
		"unknown kid":                 {forge(t, private, with(header, "kid", "b"), claims), "kid"},
		"critical extension":          {forge(t, private, with(header, "crit", []string{"x"}), claims), ""},
		"another issuer":              {claim("iss", "idp.test"), "issuer"},
		"another audience":            {claim("aud", "shop"), "audience"},
		"several audiences":           {claim("aud", []string{"overrides", "shop"}), "aud has the wrong type"},
		"expired":                     {claim("exp", now.Add(-2*time.Minute).Unix()), "expired"},
		"expires as text":             {claim("exp", "1900000000"), "exp has the wrong type"},
		"never expires":               {claim("exp", nil), "no claim exp"},
		"expires in ten years":        {claim("exp", now.AddDate(10, 0, 0).Unix()), "lifetime"},
		"not yet valid":               {claim("nbf", now.Add(2*time.Minute).Unix()), "not valid before"},
		"ends before it begins":       {forge(t, private, header, with(with(claims, "nbf", now.Add(50*time.Second).Unix()), "exp", now.Add(40*time.Second).Unix())), "expires before"},
		"no override":                 {claim("override", nil), "no claim override"},
		"empty override":              {claim("override", ""), "empty"},
		"override is a list":          {claim("override", []string{"cart:v2"}), "override has the wrong type"},
		"override is an object":       {claim("override", map[string]any{"cart": "v2"}), "override has the wrong type"},
		"override is null":            {forge(t, private, header, with(claims, "override", json.RawMessage("null"))), "override has the wrong type"},
		"override is malformed":       {claim("override", "cart"), "member 1"},
		"a second header in override": {claim("override", "cart:v2\r\nx-other: 1"), "member 1"},
		"subject is a number":         {claim("sub", 1), "sub has the wrong type"},
		"no ID":                       {claim("jti", nil), "no claim jti"},
	} {
		_, err := token.Verify(c.text, keys, want, now)
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestLimits: a token that says more than the limits allow is not minted.
func TestLimits(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ES256")
	limits := &token.Limits{Services: []string{"checkout.shop", "*.web"}, Lifetime: time.Hour}
	for header, reason := range map[string]string{
		"checkout.shop:v2":                   "",
		"checkout.shop:v2;strict;method=GET": "",
		"front.web:v2, *.web:pr-118":         "",
		"checkout:v2":                        "checkout:v2 is not allowed",
		"checkout.other:v2":                  "not allowed",
		"cart.shop:v2":                       "not allowed",
		"*.shop:pr-118":                      "not allowed",
		"*:pr-118":                           "not allowed",
		"checkout.shop:v2, front:v2":         "front:v2 is not allowed: overrides may be for checkout.shop, *.web",
	} {
		members, err := grammar.Parse(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = token.Mint(key, request(members...), limits, now)
		if (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", header, err, reason)
		}
	}
	members := []grammar.Member{{Service: "checkout", Namespace: "shop", Version: "v2"}}
	for name, c := range map[string]struct {
		change func(*token.Request)
		want   string
	}{
		"too long":             {func(r *token.Request) { r.Lifetime = time.Hour + time.Second }, "longer than 1h0m0s"},
		"negative":             {func(r *token.Request) { r.Lifetime = -time.Hour }, "shorter than a second"},
		"no members":           {func(r *token.Request) { r.Members = nil }, "no version"},
		"no subject":           {func(r *token.Request) { r.Subject = "" }, "sub"},
		"subject with a break": {func(r *token.Request) { r.Subject = "a\nb" }, "sub"},
		"long ID":              {func(r *token.Request) { r.ID = strings.Repeat("a", 257) }, "jti"},
	} {
		r := request(members...)
		c.change(r)
		if _, _, err := token.Mint(key, r, limits, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestKeysRefused: keys that a proxy would refuse, or that must not be published, are refused,
// and no error shows a private key.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ES256")
	private, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	public := marshalled(t, token.Public(key))
	var fields map[string]string
	if err := json.Unmarshal(private, &fields); err != nil {
		t.Fatal(err)
	}
	without := func(name string) string {
		out := maps.Clone(fields)
		delete(out, name)
		return marshalled(t, out)
	}
	for text, reason := range map[string]string{
		"":             "no JSON Web Key",
		"{}":           "no JSON Web Key",
		without("kid"): "kid",
		without("alg"): "alg",
		without("d"):   "public key",
		strings.Replace(string(private), `"d":"`, `"d":"!`, 1): "no JSON Web Key",
		strings.Replace(string(private), "ES256", "ES384", 1):  "alg",
		strings.Replace(string(private), "ES256", "EdDSA", 1):  "alg",
	} {
		if _, err := token.ParseKey([]byte(text)); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), fields["d"]) {
			t.Errorf("%.20s: %v, want %q", text, err, reason)
		}
	}
	one := strings.TrimSuffix(strings.TrimPrefix(public, `{"keys":[`), `]}`)
	for text, reason := range map[string]string{
		"":                                   "no JSON Web Key Set",
		"{}":                                 "no keys",
		`{"keys":[]}`:                        "no keys",
		`{"keys":[` + string(private) + `]}`: "private",
		`{"keys":[` + one + "," + one + `]}`: "keys[1]: another key has the same kid",
		`{"keys":[{"kty":"oct","k":"YQ","kid":"a","alg":"HS256"}]}`: "",
		strings.Replace(public, `"sig"`, `"enc"`, 1):                "use",
	} {
		if _, err := token.ParseKeySet([]byte(text)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.30s: %v, want %q", text, err, reason)
		}
	}
	if text := key.String(); strings.Contains(text, fields["d"]) {
		t.Errorf("a key is printed as %s", text)
	}
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzVerify: no token makes it panic, and none is accepted that the key did not sign.
func FuzzVerify(f *testing.F) {
	key, err := token.NewKey("EdDSA", rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signed, _, err := token.Mint(key, request(grammar.Member{Service: "cart", Version: "v2"}), &token.Limits{}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add("e30.e30.")
	f.Add(`{"payload":"","signatures":[]}`)
	keys := token.Public(key)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := token.Verify(text, keys, want, now); err == nil && strings.SplitN(text, ".", 3)[1] != strings.SplitN(signed, ".", 3)[1] {
			t.Errorf("accepted: %s", text)
		}
		_, _, _ = token.Inspect(text)
	})
}

// TestGrantMint: only who makes tokens of grants can give them such an ID.
func TestGrantMint(t *testing.T) {
	t.Parallel()
	key := newKey(t, token.Algorithms[0])
	for _, c := range []struct {
		id          string
		grant, fine bool
	}{{"grant.a", true, true}, {"grant.a", false, false}, {"a", false, true}, {"a", true, false}, {"grant", false, true}, {"a,grant.a", false, false}} {
		r := request(grammar.Member{Service: "cart", Version: "v2"})
		r.ID, r.Grant = c.id, c.grant
		if _, _, err := token.Mint(key, r, &token.Limits{}, now); (err == nil) != c.fine {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
