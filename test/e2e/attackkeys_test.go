package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

// attackKeys are those who sign tokens, and tokens that are valid.
type attackKeys struct {
	// ours signs override tokens, users signs the sessions of the gateway's users, and evil is an
	// attacker.
	ours, users, evil *issuer
	// good permits version v2 of web, cart permits that of cart.
	good, cart string
	// evilGood is an attacker's, for version v2 of web.
	evilGood string
}

func newAttackKeys(t *testing.T) *attackKeys {
	t.Helper()
	k := &attackKeys{ours: newIssuer(t), users: newIssuer(t), evil: newIssuer(t)}
	k.good, k.cart = k.ours.override(t, "web:v2"), k.ours.override(t, "cart:v2")
	k.evilGood = k.evil.override(t, "web:v2")
	return k
}

// visitors are the sessions of users by their names.
func (k *attackKeys) visitors(t *testing.T) visitors {
	t.Helper()
	out := visitors{}
	for _, s := range k.users.sessions(t) {
		out[s.name] = strings.TrimPrefix(s.header[1], "session=")
	}
	return out
}

// payload returns the claims of a token that asks for version v2 of web, some of them replaced.
func payload(t *testing.T, changed map[string]any) string {
	t.Helper()
	text, err := json.Marshal(overrideClaims("web:v2", changed))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withClaim returns a token by our key with one claim replaced; nil leaves it out.
func (k *attackKeys) withClaim(t *testing.T, claim string, value any) string {
	t.Helper()
	return k.ours.token(t, overrideClaims("web:v2", map[string]any{claim: value}))
}

// withSecret returns a token whose signature is an HMAC with a secret that everybody knows.
func withSecret(t *testing.T, secret []byte) string {
	t.Helper()
	text := encoding.EncodeToString([]byte(`{"alg":"HS256","kid":"1","typ":"JWT"}`)) + "." + encoding.EncodeToString([]byte(payload(t, nil)))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + encoding.EncodeToString(mac.Sum(nil))
}

// public returns the public key as a point, and as PEM.
func (i *issuer) public(t *testing.T) (point, text []byte) {
	t.Helper()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return point, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// inDER returns a token with its signature in the form of X.509, not of JWS.
func inDER(t *testing.T, token string) string {
	t.Helper()
	at := strings.LastIndex(token, ".") + 1
	raw, err := encoding.DecodeString(token[at:])
	if err != nil {
		t.Fatal(err)
	}
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	der, err := asn1.Marshal([]*big.Int{number(raw[:32]), number(raw[32:])})
	if err != nil {
		t.Fatal(err)
	}
	return token[:at] + encoding.EncodeToString(der)
}
