package grant_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/token"
)

// office carries out decisions about one grant.
type office struct {
	testing.TB
	in *grant.Input
	// grant is the grant with its last status, and text its token; empty for none.
	grant *v1alpha1.OverrideGrant
	text  string
	// notes are what was said, with the times.
	notes []string
}

// work decides, and does it. The token must be accepted by those who know the published keys.
func (o *office) work(after time.Duration) {
	o.Helper()
	now, in := created.Add(after), o.in
	change := in.Ring.Next(in.Options.Keys, in.Options.Lifetime, false, now)
	in.Ring = change.Keep
	if change.Add {
		key, err := token.NewKey("EdDSA", rand.Reader)
		if err != nil {
			o.Fatal(err)
		}
		in.Ring = in.Ring.With(key, now)
	}
	in.Grants, in.Now = []*v1alpha1.OverrideGrant{o.grant}, now
	d := grant.Decide(in)[0]
	for _, n := range d.Notes {
		o.notes = append(o.notes, fmt.Sprintf("%v %s", after, n))
	}
	if !d.Again.IsZero() && !d.Again.After(now) {
		o.Fatalf("%v: again at %v", after, d.Again)
	}
	next := *o.grant
	if next.Status = d.Status; d.Accepted {
		next.Status = d.Programmed(d.Problem, now)
	} else {
		o.text = ""
	}
	o.grant = &next
	o.mint(&d, now)
	if d.Accepted {
		if err := o.accepted(in.Ring.Public(), now); err != nil {
			o.Fatalf("%v: %v", after, err)
		}
	}
}

// mint makes the token that a decision asks for.
func (o *office) mint(d *grant.Decision, now time.Time) {
	o.Helper()
	if d.Mint == nil {
		return
	}
	minted, claims, err := token.Mint(d.Key, d.Mint, &token.Limits{Lifetime: o.in.Options.Lifetime}, now)
	switch {
	case err != nil:
		o.Fatal(err)
	case claims.Expiry != d.Expires.Unix() || claims.Expiry != o.grant.Status.TokenExpires.Unix():
		o.Fatalf("the token expires at %d, the decision says %v", claims.Expiry, d.Expires)
	case time.Unix(claims.Expiry, 0).After(o.grant.Status.Ends.Time):
		o.Fatal("the token outlives the grant")
	}
	o.text = minted
}

// accepted returns why those who know some keys would not accept the token.
func (o *office) accepted(keys *token.KeySet, now time.Time) error {
	_, err := token.Verify(o.text, keys, &token.Expected{Issuer: o.in.Options.Issuer, Audience: o.in.Options.Audience, MaxLifetime: o.in.Options.Lifetime}, now)
	return err
}

// follow carries out decisions about one grant for a while, and returns the notes with their
// times. Each token must be accepted from when it is written until it is replaced or its grant
// ends.
func follow(tb testing.TB, g *v1alpha1.OverrideGrant, in *grant.Input, span, step time.Duration) []string {
	tb.Helper()
	o := &office{TB: tb, in: in, grant: g}
	for after := time.Duration(0); after <= span; after += step {
		o.work(after)
	}
	return o.notes
}

// TestRenewal: a token is renewed when half of its lifetime is over, until its grant ends.
func TestRenewal(t *testing.T) {
	t.Parallel()
	g := newGrant("a", "cart:v2", 60*time.Hour)
	in := &grant.Input{Options: grant.DefaultOptions(), Policies: []*v1alpha1.OverrideGrantPolicy{policy("long", func(s *v1alpha1.OverrideGrantPolicySpec) { s.MaxTTL.Duration = 100 * time.Hour })}}
	got := follow(t, g, in, 80*time.Hour, time.Hour)
	want := []string{
		"0s grant.accepted", "0s grant.minted", "12h0m0s grant.renewed", "24h0m0s grant.renewed", "36h0m0s grant.renewed", "60h0m0s grant.ended",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFollow: whatever the lifetimes and times of rotation, each live grant always has a token
// that proxies accept.
func TestFollow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		in := &grant.Input{Options: grant.DefaultOptions()}
		in.Options.Lifetime = time.Duration(rapid.IntRange(10, 300).Draw(r, "lifetime")) * time.Second
		in.Options.Keys.PublishBefore = time.Duration(rapid.IntRange(0, 60).Draw(r, "publish")) * time.Second
		in.Options.Keys.RotateAfter = in.Options.Keys.PublishBefore + time.Duration(rapid.IntRange(1, 600).Draw(r, "rotate"))*time.Second
		g := newGrant("a", "cart:v2", time.Duration(rapid.IntRange(1, 1000).Draw(r, "ttl"))*time.Second)
		notes := follow(t, g, in, 20*time.Minute, time.Duration(rapid.IntRange(8000, 60000).Draw(r, "step"))*time.Millisecond)
		if last := notes[len(notes)-1]; !strings.HasSuffix(last, " grant.ended") {
			r.Fatalf("the last note is %s", last)
		}
	})
}

// TestAway: while the operator is away for an hour, proxies accept a token until it expires, and no
// longer, which is at the latest when its grant ends. When the operator is back, a live grant has a
// token that they accept, and one that has ended has none.
func TestAway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		minutes := func(from, to int, label string) time.Duration {
			return time.Duration(rapid.IntRange(from, to).Draw(r, label)) * time.Minute
		}
		in := &grant.Input{Options: grant.DefaultOptions()}
		in.Options.Lifetime = minutes(2, 180, "lifetime")
		in.Options.Keys.PublishBefore = minutes(0, 20, "publish")
		in.Options.Keys.RotateAfter = in.Options.Keys.PublishBefore + minutes(1, 120, "rotate")
		ttl := minutes(1, 240, "ttl")
		o := &office{TB: t, in: in, grant: newGrant("a", "cart:v2", ttl)}
		leaves := minutes(0, 120, "leaves")
		for after := time.Duration(0); after <= leaves; after += time.Minute {
			o.work(after)
		}
		keys, expires := in.Ring.Public(), o.grant.Status.TokenExpires
		back := leaves + time.Hour
		for after := leaves; after < back && o.text != ""; after += time.Minute {
			now := created.Add(after)
			err := o.accepted(keys, now)
			if valid := now.Before(expires.Add(token.Skew)); valid != (err == nil) {
				r.Fatalf("%v: the token expires at %v, and is it accepted? %v", after, expires, err)
			}
			if err == nil && after > ttl+token.Skew {
				r.Fatalf("%v: the token outlives the grant", after)
			}
		}
		o.work(back)
		if live := back < ttl; live != (o.text != "") {
			r.Fatalf("after the return, the grant is live: %v, and its token %q", live, o.text)
		}
	})
}

// TestKeyGone: a token whose key was deleted is replaced at once; one whose key only no longer
// signs is not.
func TestKeyGone(t *testing.T) {
	t.Parallel()
	ring := newRing(t, time.Hour)
	g := newGrant("a", "cart:v2", time.Hour)
	in := &grant.Input{Grants: []*v1alpha1.OverrideGrant{g}, Ring: ring}
	d := decide(in, 0)[0]
	g.Status = d.Programmed("", in.Now)
	in.Ring = ring.With(newRing(t, 30*time.Minute)[0].Key, created.Add(-30*time.Minute))
	if d := decide(in, time.Second)[0]; d.Mint != nil || len(d.Notes) > 0 {
		t.Errorf("after a rotation: %v %v", d.Mint, d.Notes)
	}
	in.Ring = nil
	if d := decide(in, time.Second)[0]; d.Mint != nil || d.Problem != "" {
		t.Errorf("while the keys are not known: %v %s", d.Mint, d.Problem)
	}
	in.Ring = newRing(t, 0)
	if d := decide(in, time.Second)[0]; d.Mint == nil || !slices.Equal(d.Notes, []grant.Note{grant.NoteRenewed}) || d.Key.ID() != in.Ring[0].Key.ID() {
		t.Errorf("after its key has gone: %v %v", d.Mint, d.Notes)
	}
	g.Status = v1alpha1.OverrideGrantStatus{}
	in.Ring = nil
	if d := decide(in, time.Second)[0]; !d.Accepted || d.Problem == "" {
		t.Errorf("without a key: %q", d.Problem)
	}
}
