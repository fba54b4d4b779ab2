package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms are the algorithms of signatures. Both are checked by all proxies that check
// tokens; the first is the default.
var Algorithms = []string{string(jose.ES256), string(jose.EdDSA)}

// allowed are the algorithms that are accepted, and no others: neither "none" nor one with a
// shared secret.
var allowed = []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA}

// Key is a private key that signs tokens.
type Key struct{ jwk jose.JSONWebKey }

// NewKey makes a key for one of [Algorithms] of random bytes. Its ID is the thumbprint of the public key (RFC
// 7638), so two keys never have the same.
func NewKey(algorithm string, random io.Reader) (*Key, error) {
	var private crypto.Signer
	var err error
	switch jose.SignatureAlgorithm(algorithm) {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), random)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(random)
	default:
		return nil, fmt.Errorf("algorithm %q is not one of %v", algorithm, Algorithms)
	}
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	jwk := jose.JSONWebKey{Key: private, Algorithm: algorithm, Use: use}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("thumbprint: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return &Key{jwk}, nil
}

// use is what keys are for (RFC 7517 §4.2).
const use = "sig"

// ParseKey reads a private key as [Key.MarshalJSON] writes it, a JSON Web Key.
func ParseKey(text []byte) (*Key, error) {
	out := &Key{}
	if err := json.Unmarshal(text, &out.jwk); err != nil {
		// The library's errors may quote what they could not read.
		return nil, errors.New("it is no JSON Web Key (RFC 7517)")
	}
	if out.jwk.IsPublic() {
		return nil, errors.New("it is a public key: tokens are signed with the private one")
	}
	return out, out.check()
}

// check returns an error if k is not a key that this package makes.
func (k *Key) check() error { return checkKey(&k.jwk) }

// checkKey returns an error if proxies would not accept tokens by a key.
func checkKey(jwk *jose.JSONWebKey) error {
	switch {
	case !jwk.Valid():
		return errors.New("the key is not valid")
	case jwk.KeyID == "":
		return errors.New("the key has no kid: proxies would try it for every token")
	case !slices.Contains(Algorithms, jwk.Algorithm):
		return fmt.Errorf("alg is %q, want one of %v", jwk.Algorithm, Algorithms)
	case jwk.Use != "" && jwk.Use != use:
		return fmt.Errorf("use is %q, want %q", jwk.Use, use)
	}
	switch public := jwk.Public().Key.(type) {
	case *ecdsa.PublicKey:
		if jwk.Algorithm != string(jose.ES256) || public.Curve != elliptic.P256() {
			return errors.New("alg does not fit the key: ES256 needs the curve P-256")
		}
	case ed25519.PublicKey:
		if jwk.Algorithm != string(jose.EdDSA) {
			return errors.New("alg does not fit the key: Ed25519 is for EdDSA")
		}
	default:
		return errors.New("the key is neither for ES256 nor for EdDSA")
	}
	return nil
}

// userAlgorithms are those of signatures that Envoy knows (jwt_verify_lib), or none named.
var userAlgorithms = []string{"", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// checkUserKey returns an error if proxies would not accept tokens by a key of somebody else.
func checkUserKey(jwk *jose.JSONWebKey) error {
	switch {
	case !jwk.Valid():
		return errors.New("the key is not valid")
	case jwk.KeyID == "":
		return errors.New("the key has no kid: proxies would try it for every token")
	case !slices.Contains(userAlgorithms, jwk.Algorithm):
		return fmt.Errorf("alg is %q, want one of %s", jwk.Algorithm, strings.Join(userAlgorithms[1:], ", "))
	}
	return nil
}

// ID returns the ID of the key, which tokens have in their header.
func (k *Key) ID() string { return k.jwk.KeyID }

// MarshalJSON returns the private key as a JSON Web Key. It is a secret.
func (k *Key) MarshalJSON() ([]byte, error) { return k.jwk.MarshalJSON() }

// String does not reveal the key.
func (k *Key) String() string { return "key " + k.ID() }

// KeySet are public keys: those that sign now, and those whose tokens are still in use.
type KeySet struct{ set jose.JSONWebKeySet }

// Public returns the public part of keys, in their order.
func Public(keys ...*Key) *KeySet {
	out := &KeySet{}
	for _, k := range keys {
		out.set.Keys = append(out.set.Keys, k.jwk.Public())
	}
	return out
}

// ParseKeySet reads a JSON Web Key Set, and refuses what a proxy would refuse together with its
// whole listener, and what must not be published.
func ParseKeySet(text []byte) (*KeySet, error) { return parseKeySet(text, checkKey) }

// ParseUserKeySet is [ParseKeySet] for keys of others, which may be for any algorithm that proxies know.
func ParseUserKeySet(text []byte) (*KeySet, error) { return parseKeySet(text, checkUserKey) }

func parseKeySet(text []byte, check func(*jose.JSONWebKey) error) (*KeySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New("it is no JSON Web Key Set (RFC 7517 §5)")
	}
	if len(raw.Keys) == 0 {
		return nil, errors.New("the set has no keys")
	}
	out := &KeySet{}
	for i, text := range raw.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(text, &key); err != nil {
			return nil, fmt.Errorf("keys[%d]: it is no JSON Web Key", i)
		}
		if !key.IsPublic() {
			return nil, fmt.Errorf("keys[%d]: it is a private key, which must not be published", i)
		}
		if err := check(&key); err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		if len(out.set.Key(key.KeyID)) > 0 {
			return nil, fmt.Errorf("keys[%d]: another key has the same kid", i)
		}
		out.set.Keys = append(out.set.Keys, key)
	}
	return out, nil
}

// MarshalJSON returns the set as a JSON Web Key Set, which proxies read.
func (s *KeySet) MarshalJSON() ([]byte, error) { return json.Marshal(&s.set) }
