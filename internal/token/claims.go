package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Claims is what a token says. The names are those of RFC 7519 §4.1, and "override", whose
// value is that of the header.
type Claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	// Subject names whom the token was made for.
	Subject string `json:"sub"`
	// Issued, NotBefore and Expiry are in seconds since 1970.
	Issued    int64 `json:"iat"`
	NotBefore int64 `json:"nbf"`
	Expiry    int64 `json:"exp"`
	// ID is what a token is revoked by.
	ID       string `json:"jti"`
	Override string `json:"override"`
}

// The names that tokens have unless other ones are configured.
const (
	DefaultIssuer   = "overrides.mesh"
	DefaultAudience = "overrides"
	// DefaultHeader is the header that carries a token.
	DefaultHeader = "x-override-token"
)

// Lifetime returns for how long the token is valid.
func (c *Claims) Lifetime() time.Duration { return time.Duration(c.Expiry-c.NotBefore) * time.Second }

// Signature is the part of a token that says how it is signed.
type Signature struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// Inspect returns what a token says, whoever has signed it. It accepts any JWT.
func Inspect(text string) (Signature, map[string]any, error) {
	object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{
		jose.ES256, jose.EdDSA, jose.ES384, jose.ES512, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.HS256, jose.HS384, jose.HS512,
	})
	if err != nil || len(object.Signatures) != 1 {
		return Signature{}, nil, errNoToken
	}
	claims := map[string]any{}
	if err := json.Unmarshal(object.UnsafePayloadWithoutVerification(), &claims); err != nil {
		return Signature{}, nil, errors.New("its claims are no JSON object")
	}
	h := object.Signatures[0].Header
	return Signature{Algorithm: h.Algorithm, KeyID: h.KeyID}, claims, nil
}

var errNoToken = errors.New("it is no signed token: want three parts, divided by dots (RFC 7519)")

// MaxBytes is the maximum length of a token. Gateways limit all headers of a request to 60 KiB.
const MaxBytes = 8192

// parse reads a token of this package.
func parse(text string) (*jwt.JSONWebToken, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), MaxBytes)
	}
	out, err := jwt.ParseSigned(text, allowed)
	if err != nil || len(out.Headers) != 1 {
		return nil, errNoToken
	}
	return out, nil
}

// Members returns what a token asks for.
func (c *Claims) Members() ([]grammar.Member, error) {
	members, err := grammar.Parse(c.Override)
	if err == nil && len(members) == 0 {
		err = errors.New("the claim override is empty")
	}
	return members, err
}
