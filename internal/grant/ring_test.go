package grant_test

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/token"
)

func newRing(tb testing.TB, ages ...time.Duration) grant.Ring {
	tb.Helper()
	var out grant.Ring
	for _, age := range ages {
		key, err := token.NewKey("EdDSA", rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		out = out.With(key, created.Add(-age))
	}
	return out
}

// TestRing: a key is published before it signs, and until its last token has expired.
func TestRing(t *testing.T) {
	t.Parallel()
	o := grant.DefaultKeyOptions()
	const lifetime = 24 * time.Hour
	var ring grant.Ring
	if c := ring.Next(o, lifetime, false, created); !c.Add || !c.Needed() {
		t.Errorf("the first key: %+v", c)
	}
	first := newRing(t, 0)
	if first.Signing(o, created) != first[0].Key {
		t.Error("the first key does not sign")
	}
	if c := first.Next(o, lifetime, false, created.Add(time.Hour)); c.Needed() || !c.Again.Equal(created.Add(o.RotateAfter)) {
		t.Errorf("after an hour: %+v", c)
	}
	if c := first.Next(o, lifetime, true, created.Add(time.Hour)); !c.Add {
		t.Error("no key is made though one was asked for")
	}
	at := created.Add(o.RotateAfter)
	if c := first.Next(o, lifetime, false, at); !c.Add || len(c.Dropped) > 0 {
		t.Errorf("when it is old: %+v", c)
	}
	both := first.With(newRing(t, 0)[0].Key, at)
	if got := both.Signing(o, at.Add(o.PublishBefore-1)); got != first[0].Key {
		t.Error("the second key signs before it is published")
	}
	if got := both.Signing(o, at.Add(o.PublishBefore)); got != both[1].Key {
		t.Error("the second key does not sign")
	}
	end := at.Add(o.PublishBefore + lifetime + 6*time.Minute)
	if c := both.Next(o, lifetime, false, end.Add(-1)); c.Needed() || !c.Again.Equal(end) {
		t.Errorf("while tokens are valid: %+v", c)
	}
	if c := both.Next(o, lifetime, false, end); !slices.Equal(c.Dropped, []string{first[0].Key.ID()}) || len(c.Keep) != 1 {
		t.Errorf("when they have expired: %+v", c)
	}
}

// TestRingEncoded: keys are read as they were written, published without their private parts,
// and not shown in errors.
func TestRingEncoded(t *testing.T) {
	t.Parallel()
	ring := newRing(t, 0, time.Hour)
	text, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := grant.ParseRing(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read.Encode()
	if err != nil || string(again) != string(text) {
		t.Errorf("read %v", err)
	}
	public, err := json.Marshal(ring.Public())
	if err != nil || strings.Contains(string(public), `"d":`) || !strings.Contains(string(public), ring[0].Key.ID()) {
		t.Errorf("published %s, %v", public, err)
	}
	for _, broken := range []string{"", "[]", string(text[:len(text)/2]), strings.Replace(string(text), `"d":"`, `"d":"!`, 1), strings.ReplaceAll(string(text), ring[0].Key.ID(), ring[1].Key.ID())} {
		if _, err := grant.ParseRing([]byte(broken)); err == nil || strings.Contains(err.Error(), `"d"`) {
			t.Errorf("%.20s: %v", broken, err)
		}
	}
}
