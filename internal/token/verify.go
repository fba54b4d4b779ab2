package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Expected says which tokens are accepted.
type Expected struct {
	Issuer, Audience string
	// MaxLifetime is the longest lifetime that is accepted; zero for any.
	MaxLifetime time.Duration
}

// Skew is by how much clocks may differ: Envoy's default, which can't be less (jwt_authn:
// clock_skew_seconds).
const Skew = time.Minute

// Verify returns what a token says, if a proxy would accept it at a time; else the first reason
// why not. It accepts less than a proxy, which ignores parts that it does not need: each claim
// must be there, and have the right type.
func Verify(text string, keys *KeySet, want *Expected, now time.Time) (*Claims, error) {
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	header := parsed.Headers[0]
	found := keys.set.Key(header.KeyID)
	switch {
	case header.KeyID == "":
		return nil, errors.New("it has no kid")
	case len(found) == 0:
		return nil, fmt.Errorf("no key has its kid %q", header.KeyID)
	case found[0].Algorithm != header.Algorithm:
		return nil, fmt.Errorf("its alg is %s, and that of its key is %s", header.Algorithm, found[0].Algorithm)
	}
	var raw map[string]json.RawMessage
	if err := parsed.Claims(found[0].Key, &raw); err != nil {
		return nil, errors.New("its signature is not valid")
	}
	return want.accept(raw, now)
}

// Check is [Verify] without the keys: it does not check who has signed the token.
func Check(text string, want *Expected, now time.Time) (*Claims, error) {
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := parsed.UnsafeClaimsWithoutVerification(&raw); err != nil {
		return nil, errNoToken
	}
	return want.accept(raw, now)
}

// CheckForeign is [Check] for a token of somebody else, whose claims besides iss, aud, exp and
// override may be missing or have other types, and whose audience may be a list.
func CheckForeign(text string, want *Expected, now time.Time) (*Claims, error) {
	_, raw, err := Inspect(text)
	if err != nil {
		return nil, err
	}
	out := &Claims{}
	number := func(claim string) int64 {
		value, _ := raw[claim].(float64)
		return int64(value)
	}
	out.Expiry, out.NotBefore, out.Issued = number("exp"), number("nbf"), number("iat")
	if out.NotBefore == 0 {
		out.NotBefore = out.Issued
	}
	for claim, to := range map[string]*string{"iss": &out.Issuer, "sub": &out.Subject, "jti": &out.ID, "override": &out.Override} {
		*to, _ = raw[claim].(string)
	}
	switch aud := raw["aud"].(type) {
	case string:
		out.Audience = aud
	case []any:
		if slices.Contains(aud, any(want.Audience)) {
			out.Audience = want.Audience
		}
	}
	if out.Override == "" {
		return nil, errors.New("it has no claim override that is a text")
	}
	return out, want.check(out, now)
}

// accept returns the claims of a token that is accepted.
func (e *Expected) accept(raw map[string]json.RawMessage, now time.Time) (*Claims, error) {
	claims, err := readClaims(raw)
	if err != nil {
		return nil, err
	}
	return claims, e.check(claims, now)
}

// readClaims reads claims, all of which must be there.
func readClaims(raw map[string]json.RawMessage) (*Claims, error) {
	out := &Claims{}
	for _, claim := range []struct {
		name string
		to   any
	}{
		{"iss", &out.Issuer},
		{"aud", &out.Audience},
		{"sub", &out.Subject},
		{"jti", &out.ID},
		{"override", &out.Override},
		{"iat", &out.Issued},
		{"nbf", &out.NotBefore},
		{"exp", &out.Expiry},
	} {
		switch value, is := raw[claim.name]; {
		case !is:
			return nil, fmt.Errorf("it has no claim %s", claim.name)
		case json.Unmarshal(value, claim.to) != nil || string(value) == "null":
			return nil, fmt.Errorf("its claim %s has the wrong type", claim.name)
		}
	}
	return out, nil
}

// check returns the first reason why claims are not accepted.
func (e *Expected) check(c *Claims, now time.Time) error {
	switch {
	case c.Issuer != e.Issuer:
		return fmt.Errorf("its issuer is %q, want %q", c.Issuer, e.Issuer)
	case c.Audience != e.Audience:
		return fmt.Errorf("its audience is %q, want %q", c.Audience, e.Audience)
	case !now.Before(time.Unix(c.Expiry, 0).Add(Skew)):
		return fmt.Errorf("it expired at %s", time.Unix(c.Expiry, 0).UTC().Format(time.RFC3339))
	case now.Add(Skew).Before(time.Unix(c.NotBefore, 0)):
		return fmt.Errorf("it is not valid before %s", time.Unix(c.NotBefore, 0).UTC().Format(time.RFC3339))
	case c.Expiry <= c.NotBefore:
		return errors.New("it expires before it becomes valid")
	case e.MaxLifetime > 0 && c.Lifetime() > e.MaxLifetime:
		return fmt.Errorf("its lifetime %v is longer than %v", c.Lifetime(), e.MaxLifetime)
	}
	_, err := c.Members()
	return err
}
