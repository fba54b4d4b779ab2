package grant

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/token"
)

// Key is a signing key and the time when it was made.
type Key struct {
	Key     *token.Key
	Created time.Time
}

// Ring are the signing keys of an installation, the oldest first. All are published. One signs:
//
//	time    ──────────────────────────────────────────────────────────────►
//	key 1   signs ────────────────────────┐ published ───────────┐ dropped
//	key 2            made, published ─────┴ signs ─────────────────────────
//	                 │◄── PublishBefore ─►│◄── Lifetime, skew ──►│
//
// No proxy meets a token before it knows the key, and none forgets a key while a token by it is
// valid.
type Ring []Key

// KeyOptions say when keys change.
type KeyOptions struct {
	// RotateAfter is the age at which a key gets a successor.
	RotateAfter time.Duration
	// PublishBefore is how long a key is published before it signs: longer than proxies keep a
	// set of keys.
	PublishBefore time.Duration
}

// DefaultKeyOptions returns the default options. Proxies fetch the keys every 5 s.
func DefaultKeyOptions() KeyOptions {
	return KeyOptions{RotateAfter: 30 * 24 * time.Hour, PublishBefore: time.Minute}
}

// clockTolerance is added to the time for which a key is kept after it has signed its last
// token: a request to write that token may take a while, and clocks of proxies differ.
const clockTolerance = token.Skew + 5*time.Minute

// ringJSON is the form of a ring in its Secret.
type ringJSON struct {
	Keys []keyJSON `json:"keys"`
}

type keyJSON struct {
	Created time.Time       `json:"created"`
	Key     json.RawMessage `json:"key"`
}

// ParseRing reads a ring as [Ring.Encode] writes it. No error has a part of a key.
func ParseRing(text []byte) (Ring, error) {
	var read ringJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, errors.New("want a list of keys with their times")
	}
	var out Ring
	for i, k := range read.Keys {
		key, err := token.ParseKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		if out.has(key.ID()) {
			return nil, fmt.Errorf("keys[%d]: another key has the same kid", i)
		}
		out = append(out, Key{Key: key, Created: k.Created})
	}
	return out.sorted(), nil
}

// Encode returns the private keys as JSON. They are secret.
func (r Ring) Encode() ([]byte, error) {
	var out ringJSON
	for _, k := range r {
		text, err := json.Marshal(k.Key)
		if err != nil {
			return nil, fmt.Errorf("encode a key: %w", err)
		}
		out.Keys = append(out.Keys, keyJSON{Created: k.Created.UTC(), Key: text})
	}
	return json.Marshal(&out)
}

func (r Ring) sorted() Ring {
	return slices.SortedStableFunc(slices.Values(r), func(a, b Key) int { return a.Created.Compare(b.Created) })
}

// With returns the ring with one more key.
func (r Ring) With(key *token.Key, created time.Time) Ring {
	return append(slices.Clone(r), Key{Key: key, Created: created}).sorted()
}

// Public returns the keys that proxies get.
func (r Ring) Public() *token.KeySet {
	var keys []*token.Key
	for _, k := range r {
		keys = append(keys, k.Key)
	}
	return token.Public(keys...)
}

func (r Ring) has(id string) bool {
	return slices.ContainsFunc(r, func(k Key) bool { return k.Key.ID() == id })
}

// Signing returns the key that signs at a time; nil if there are none. The first key signs at
// once, since there was none to publish it beside.
func (r Ring) Signing(o KeyOptions, now time.Time) *token.Key {
	for _, k := range slices.Backward(r) {
		if !now.Before(k.Created.Add(o.PublishBefore)) {
			return k.Key
		}
	}
	if len(r) == 0 {
		return nil
	}
	return r[0].Key
}

// Change is what becomes of a ring at a time.
type Change struct {
	// Keep are the keys that stay.
	Keep Ring
	// Add is set if a key must be made, and Dropped are the IDs of keys that go.
	Add     bool
	Dropped []string
	// Again is when to decide again.
	Again time.Time
}

// Needed reports whether the ring must be written.
func (c *Change) Needed() bool { return c.Add || len(c.Dropped) > 0 }

// Next decides what becomes of a ring. Tokens last as long as lifetime at most. rotate asks for
// a new key whatever the age of the others.
func (r Ring) Next(o KeyOptions, lifetime time.Duration, rotate bool, now time.Time) Change {
	out := Change{}
	again := func(at time.Time) {
		if out.Again.IsZero() || at.Before(out.Again) {
			out.Again = at
		}
	}
	for i, k := range r {
		if i+1 < len(r) {
			end := r[i+1].Created.Add(o.PublishBefore + lifetime + clockTolerance)
			if !now.Before(end) {
				out.Dropped = append(out.Dropped, k.Key.ID())
				continue
			}
			again(end)
		}
		out.Keep = append(out.Keep, k)
	}
	newest := now
	if len(r) > 0 {
		newest = r[len(r)-1].Created
	}
	out.Add = len(r) == 0 || rotate || !now.Before(newest.Add(o.RotateAfter))
	switch signs := newest.Add(o.PublishBefore); {
	case out.Add:
		again(now.Add(min(o.PublishBefore, o.RotateAfter)))
	case now.Before(signs):
		again(signs)
	default:
		again(newest.Add(o.RotateAfter))
	}
	return out
}
