package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// DefaultLifetime is how long a token is valid unless a request says otherwise.
const DefaultLifetime = time.Hour

// DefaultMaxLifetime is the longest lifetime that is accepted unless a policy says otherwise.
const DefaultMaxLifetime = 24 * time.Hour

// Request says what a token should say.
type Request struct {
	Issuer, Audience, Subject, ID string
	// Grant is set if it is the token of a grant: then the ID begins with [grammar.GrantPrefix], and
	// otherwise it does not.
	Grant bool
	// Members are what its holder may ask for.
	Members []grammar.Member
	// Lifetime is rounded up to a second; zero for [DefaultLifetime].
	Lifetime time.Duration
}

// Limits are what tokens may say at most.
type Limits struct {
	// Services are the Services whose versions may be asked for: "checkout.shop", "*.shop" for
	// all of a namespace, "*" for all. Nil for no limit.
	Services []string
	// Lifetime is the longest lifetime; zero for no limit.
	Lifetime time.Duration
}

// Mint makes a token that is valid from a time on. It refuses, with all reasons, what the limits
// don't allow and what no proxy would accept.
func Mint(key *Key, r *Request, limits *Limits, now time.Time) (string, *Claims, error) {
	claims, err := r.claims(limits, now)
	if err != nil {
		return "", nil, err
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", key.ID())
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.jwk.Algorithm), Key: key.jwk.Key}, options)
	if err != nil {
		return "", nil, fmt.Errorf("sign: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", nil, fmt.Errorf("sign: %w", err)
	}
	if err := checkSize(len(text)); err != nil {
		return "", nil, err
	}
	return text, claims, nil
}

// Check returns all reasons why no token would be minted at a time, without a key.
func (r *Request) Check(limits *Limits, now time.Time) error {
	claims, err := r.claims(limits, now)
	if err != nil {
		return err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return checkSize(base64.RawURLEncoding.EncodedLen(len(text)) + maxSignatureBytes)
}

// maxSignatureBytes is the maximum length of the parts of a token besides its claims: its
// header, with the thumbprint of a key, and a signature of 64 bytes.
const maxSignatureBytes = 256

func checkSize(bytes int) error {
	if bytes > MaxBytes {
		return fmt.Errorf("the token would have %d bytes, more than %d: ask for less", bytes, MaxBytes)
	}
	return nil
}

// claims returns the claims of a request within limits.
func (r *Request) claims(limits *Limits, now time.Time) (*Claims, error) {
	lifetime := r.Lifetime
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	errs := limits.Check(r.Members, lifetime)
	for _, c := range []struct{ name, value string }{{"iss", r.Issuer}, {"aud", r.Audience}, {"sub", r.Subject}, {"jti", r.ID}} {
		if err := checkText(c.value); err != nil {
			errs = append(errs, fmt.Errorf("claim %s: %w", c.name, err))
		}
	}
	switch {
	case strings.Contains(r.ID, ","):
		errs = append(errs, errors.New("claim jti: it has a comma, with which proxies join the IDs of several tokens"))
	case strings.HasPrefix(r.ID, grammar.GrantPrefix) != r.Grant:
		errs = append(errs, fmt.Errorf("claim jti: IDs that begin with %q are those of grants, and of no others", grammar.GrantPrefix))
	}
	override, err := grammar.Format(r.Members...)
	switch {
	case err != nil:
		errs = append(errs, err)
	case override == "":
		errs = append(errs, errors.New("no version is asked for"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	seconds := int64((lifetime + time.Second - 1) / time.Second)
	return &Claims{
		Issuer: r.Issuer, Audience: r.Audience, Subject: r.Subject, ID: r.ID, Override: override,
		Issued: now.Unix(), NotBefore: now.Unix(), Expiry: now.Unix() + seconds,
	}, nil
}

// maxTextBytes is the maximum length of a claim besides that with the overrides.
const maxTextBytes = 256

// checkText returns an error for an empty claim, and for one with bytes that a proxy would put
// into a header or a log: Envoy answers a request whose token has a control character in a
// claim that it copies with 503.
func checkText(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > maxTextBytes:
		return fmt.Errorf("it has %d bytes, more than %d", len(s), maxTextBytes)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it has characters other than visible ones of ASCII")
	}
	return nil
}

// Check returns the reasons why a token, or a grant, that lasts so long is not within limits.
func (l *Limits) Check(members []grammar.Member, lifetime time.Duration) []error {
	var errs []error
	switch {
	case lifetime < time.Second:
		errs = append(errs, fmt.Errorf("the lifetime %v is shorter than a second", lifetime))
	case l.Lifetime > 0 && lifetime > l.Lifetime:
		errs = append(errs, fmt.Errorf("the lifetime %v is longer than %v, the longest that is allowed", lifetime, l.Lifetime))
	}
	for _, m := range members {
		if l.Services != nil && !slices.ContainsFunc(l.Services, func(allowed string) bool { return within(m, allowed) }) {
			errs = append(errs, fmt.Errorf("%s is not allowed: overrides may be for %s", m, strings.Join(l.Services, ", ")))
		}
	}
	return errs
}

// within reports whether all that a member asks for is of the Services that a limit allows. A
// member without a namespace asks for Services of all namespaces.
func within(m grammar.Member, allowed string) bool {
	name, namespace, _ := strings.Cut(allowed, ".")
	return allowed == grammar.SetName || m.Namespace == namespace && namespace != "" && (name == grammar.SetName || name == m.Service)
}
