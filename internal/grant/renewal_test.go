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

// follow carries out decisions about one grant for a while, and returns the notes with their
// times. Each token must be accepted by those who know the published keys, from when it is
// written until it is replaced or its grant ends.
func follow(tb testing.TB, g *v1alpha1.OverrideGrant, in *grant.Input, span, step time.Duration) []string {
	tb.Helper()
	var notes []string
	var text string
	want := &token.Expected{Issuer: in.Options.Issuer, Audience: in.Options.Audience, MaxLifetime: in.Options.Lifetime}
	for after := time.Duration(0); after <= span; after += step {
		now := created.Add(after)
		change := in.Ring.Next(in.Options.Keys, in.Options.Lifetime, false, now)
		in.Ring = change.Keep
		if change.Add {
			key, err := token.NewKey("EdDSA", rand.Reader)
			if err != nil {
				tb.Fatal(err)
			}
			in.Ring = in.Ring.With(key, now)
		}
		in.Grants, in.Now = []*v1alpha1.OverrideGrant{g}, now
		d := grant.Decide(in)[0]
		for _, n := range d.Notes {
			notes = append(notes, fmt.Sprintf("%v %s", after, n))
		}
		if !d.Again.IsZero() && !d.Again.After(now) {
			tb.Fatalf("%v: again at %v", after, d.Again)
		}
		next := *g
		next.Status = d.Status
		if d.Accepted {
			next.Status = d.Programmed(d.Problem, now)
		} else {
			text = ""
		}
		if d.Mint != nil {
			minted, claims, err := token.Mint(d.Key, d.Mint, &token.Limits{Lifetime: in.Options.Lifetime}, now)
			switch {
			case err != nil:
				tb.Fatalf("%v: %v", after, err)
			case claims.Expiry != d.Expires.Unix() || claims.Expiry != next.Status.TokenExpires.Unix():
				tb.Fatalf("%v: the token expires at %d, the decision says %v", after, claims.Expiry, d.Expires)
			case time.Unix(claims.Expiry, 0).After(next.Status.Ends.Time):
				tb.Fatalf("%v: the token outlives the grant", after)
			}
			text = minted
		}
		if d.Accepted {
			if _, err := token.Verify(text, in.Ring.Public(), want, now); err != nil {
				tb.Fatalf("%v: %v", after, err)
			}
		}
		g = &next
	}
	return notes
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
