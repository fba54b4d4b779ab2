package grant_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/token"
)

var created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newGrant returns a grant of ada in namespace shop.
func newGrant(name, overrides string, ttl time.Duration, change ...func(*v1alpha1.OverrideGrant)) *v1alpha1.OverrideGrant {
	g := &v1alpha1.OverrideGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(created), Generation: 1},
		Spec:       v1alpha1.OverrideGrantSpec{Overrides: overrides, TTL: metav1.Duration{Duration: ttl}, Requester: v1alpha1.Requester{Username: "ada@example.com"}},
	}
	for _, f := range change {
		f(g)
	}
	return g
}

func by(name string, groups ...string) func(*v1alpha1.OverrideGrant) {
	return func(g *v1alpha1.OverrideGrant) { g.Spec.Requester = v1alpha1.Requester{Username: name, Groups: groups} }
}

func policy(name string, change func(*v1alpha1.OverrideGrantPolicySpec)) *v1alpha1.OverrideGrantPolicy {
	p := &v1alpha1.OverrideGrantPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	change(&p.Spec)
	return p
}

func newRing(t testing.TB, ages ...time.Duration) grant.Ring {
	t.Helper()
	var out grant.Ring
	for _, age := range ages {
		key, err := token.NewKey("EdDSA", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out = out.With(key, created.Add(-age))
	}
	return out
}

// decide decides at a time after the creation of grants.
func decide(in *grant.Input, after time.Duration) []grant.Decision {
	if in.Options.Lifetime == 0 {
		in.Options = grant.DefaultOptions()
	}
	in.Now = created.Add(after)
	return grant.Decide(in)
}

// summary is a decision in a line.
func summary(d *grant.Decision) string {
	message := ""
	for _, c := range d.Status.Conditions {
		if c.Type == "Accepted" {
			message = strings.TrimSpace(fmt.Sprintf("%s %s", c.Reason, c.Message))
		}
	}
	return message
}

// TestDecide: what is accepted, and all reasons why the rest is not.
func TestDecide(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	production := policy("production", func(s *v1alpha1.OverrideGrantPolicySpec) {
		s.Namespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"stage": "production"}}
		s.Subjects = []v1alpha1.GrantSubject{{Kind: "Group", Name: "release"}, {Kind: "ServiceAccount", Name: "ci", Namespace: new("build")}}
		s.Services = []string{"checkout.shop", "*.web"}
		s.MaxTTL = metav1.Duration{Duration: 30 * time.Minute}
	})
	for name, c := range map[string]struct {
		grant    *v1alpha1.OverrideGrant
		policies []*v1alpha1.OverrideGrantPolicy
		stage    string
		want     string
	}{
		"by default, its own namespace": {newGrant("a", "*:pr-1, cart.shop:v2;strict", hour), nil, "", "Accepted"},
		"by default, no other namespace": {
			newGrant("a", "cart.web:v2, *:pr-1", 25*hour), nil, "",
			"NotPermitted the default (no OverrideGrantPolicy selects the namespace): the lifetime 25h0m0s is longer than 24h0m0s, the longest that is allowed; " +
				"cart.web:v2 is not allowed: overrides may be for *.shop. Make another grant within these limits, or ask for an OverrideGrantPolicy that permits this one",
		},
		"a policy of other namespaces": {newGrant("a", "cart:v2", hour), []*v1alpha1.OverrideGrantPolicy{production}, "test", "Accepted"},
		"a group":                      {newGrant("a", "checkout:v2, cart.web:v2", hour/2, by("eve", "all", "release")), []*v1alpha1.OverrideGrantPolicy{production}, "production", "Accepted"},
		"a ServiceAccount":             {newGrant("a", "checkout:v2", hour/2, by("system:serviceaccount:build:ci")), []*v1alpha1.OverrideGrantPolicy{production}, "production", "Accepted"},
		"nothing of it": {
			newGrant("a", "*:pr-1", hour), []*v1alpha1.OverrideGrantPolicy{production}, "production",
			"NotPermitted OverrideGrantPolicy production: it is not for ada@example.com (spec.requester.groups names no group), but for Group release, ServiceAccount build/ci; " +
				"the lifetime 1h0m0s is longer than 30m0s, the longest that is allowed; *.shop:pr-1 is not allowed: overrides may be for checkout.shop, *.web. " +
				"Make another grant within these limits, or ask for an OverrideGrantPolicy that permits this one",
		},
		"one of several policies": {
			newGrant("a", "*:pr-1", hour),
			[]*v1alpha1.OverrideGrantPolicy{production, policy("more", func(s *v1alpha1.OverrideGrantPolicySpec) { s.Services = []string{"*"} })}, "production", "Accepted",
		},
		"a selector that is not valid": {
			newGrant("a", "cart:v2", hour),
			[]*v1alpha1.OverrideGrantPolicy{policy("broken", func(s *v1alpha1.OverrideGrantPolicySpec) {
				s.Namespaces = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Is"}}}
			})}, "", `NotPermitted spec.namespaces of OverrideGrantPolicy broken is not valid: correct it ("Is" is not a valid label selector operator)`,
		},
		"labels that are not known": {
			newGrant("a", "cart:v2", hour), []*v1alpha1.OverrideGrantPolicy{production}, "unknown",
			"NotPermitted OverrideGrantPolicy production selects namespaces by labels, and the operator may not read those of namespace shop: permit it to list namespaces",
		},
		"malformed, and without end": {
			newGrant("a", "cart", -hour), nil, "",
			`Invalid spec.overrides: member 1: "cart": no ":", want service:version or service.namespace:version; spec.ttl is -1h0m0s: a grant lasts a second or more. Delete the grant, and make another one`,
		},
		"twice the same Service": {newGrant("a", "cart:v2, cart.shop:v3", hour), nil, "", `Invalid member 2: "cart.shop:v3": second member for the same calls`},
		"nothing":                {newGrant("a", " ", hour), nil, "", "Invalid spec.overrides: header: empty. Delete"},
		"a subject that no token may have": {
			newGrant("a", "cart:v2", hour, by("ada lovelace")), nil, "", "Invalid claim sub: it has characters other than visible ones of ASCII",
		},
		"too much for a token": {
			newGrant("a", strings.TrimSuffix(strings.Repeat("service-NNN:pr-1,", 230), ","), hour, func(g *v1alpha1.OverrideGrant) {
				n := 0
				for strings.Contains(g.Spec.Overrides, "NNN") {
					n++
					g.Spec.Overrides = strings.Replace(g.Spec.Overrides, "NNN", fmt.Sprint(n), 1)
				}
				g.Namespace = "a-namespace-with-a-long-name"
			}), nil, "", "Invalid ",
		},
	} {
		in := &grant.Input{Grants: []*v1alpha1.OverrideGrant{c.grant}, Policies: c.policies, Labels: map[string]map[string]string{"shop": {"stage": c.stage}}, Ring: newRing(t, time.Hour)}
		if c.stage == "unknown" {
			in.Labels = nil
		}
		out := decide(in, time.Minute)
		if got := summary(&out[0]); got != c.want && (strings.HasPrefix(c.want, "Accepted") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if accepted := c.want == "Accepted"; out[0].Accepted != accepted || (out[0].Mint != nil) != accepted {
			t.Errorf("%s: accepted %t, token %v", name, out[0].Accepted, out[0].Mint)
		}
	}
}

// TestUnread: without the policies, nothing is permitted.
func TestUnread(t *testing.T) {
	t.Parallel()
	out := decide(&grant.Input{Grants: []*v1alpha1.OverrideGrant{newGrant("a", "cart:v2", time.Hour)}, Ring: newRing(t, 0), Unread: "may not read"}, 0)
	if got := summary(&out[0]); got != "NotPermitted may not read" {
		t.Error(got)
	}
}

// TestMostGrants: the oldest have the places; one that ends or is being deleted leaves its own.
func TestMostGrants(t *testing.T) {
	t.Parallel()
	age := func(d time.Duration) func(*v1alpha1.OverrideGrant) {
		return func(g *v1alpha1.OverrideGrant) { g.CreationTimestamp = metav1.NewTime(created.Add(-d)) }
	}
	going := metav1.NewTime(created)
	two := policy("two", func(s *v1alpha1.OverrideGrantPolicySpec) { s.MaxGrants = new(int32(2)) })
	grants := []*v1alpha1.OverrideGrant{
		newGrant("b", "cart:v2", time.Hour), newGrant("a", "cart:v2", time.Hour), newGrant("c", "cart:v2", time.Hour),
		newGrant("oldest", "cart:v2", time.Hour, age(30*time.Minute)), newGrant("ended", "cart:v2", time.Hour, age(2*time.Hour)),
		newGrant("refused", "cart.web:v2", time.Hour, age(40*time.Minute)),
		newGrant("going", "cart:v2", time.Hour, age(30*time.Minute), func(g *v1alpha1.OverrideGrant) { g.DeletionTimestamp = &going }),
	}
	states := func(after time.Duration) map[string]string {
		out := map[string]string{}
		for _, d := range decide(&grant.Input{Grants: grants, Policies: []*v1alpha1.OverrideGrantPolicy{two}, Ring: newRing(t, 0)}, after) {
			out[d.Grant.Name] = d.Reason
		}
		return out
	}
	want := map[string]string{"oldest": "", "a": "", "b": "TooManyGrants", "c": "TooManyGrants", "ended": "Expired", "refused": "NotPermitted"}
	if diff := cmp.Diff(want, states(0)); diff != "" {
		t.Error(diff)
	}
	want["oldest"], want["b"], want["refused"] = "Expired", "", "Expired"
	if diff := cmp.Diff(want, states(30*time.Minute)); diff != "" {
		t.Error(diff)
	}
}

// follow carries out decisions about one grant for a while, and returns the notes with their
// times. Each token must be accepted by those who know the published keys, from when it is
// written until it is replaced or its grant ends.
func follow(t testing.TB, g *v1alpha1.OverrideGrant, in *grant.Input, span, step time.Duration) []string {
	t.Helper()
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
				t.Fatal(err)
			}
			in.Ring = in.Ring.With(key, now)
		}
		in.Grants, in.Now = []*v1alpha1.OverrideGrant{g}, now
		d := grant.Decide(in)[0]
		for _, n := range d.Notes {
			notes = append(notes, fmt.Sprintf("%v %s", after, n))
		}
		if !d.Again.IsZero() && !d.Again.After(now) {
			t.Fatalf("%v: again at %v", after, d.Again)
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
				t.Fatalf("%v: %v", after, err)
			case claims.Expiry != d.Expires.Unix() || claims.Expiry != next.Status.TokenExpires.Unix():
				t.Fatalf("%v: the token expires at %d, the decision says %v", after, claims.Expiry, d.Expires)
			case time.Unix(claims.Expiry, 0).After(next.Status.Ends.Time):
				t.Fatalf("%v: the token outlives the grant", after)
			}
			text = minted
		}
		if d.Accepted {
			if _, err := token.Verify(text, in.Ring.Public(), want, now); err != nil {
				t.Fatalf("%v: %v", after, err)
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

// TestNotes: nothing is said twice, and a grant that is refused later loses its Secret.
func TestNotes(t *testing.T) {
	t.Parallel()
	g := newGrant("a", "cart:v2", time.Hour)
	in := &grant.Input{Grants: []*v1alpha1.OverrideGrant{g}, Ring: newRing(t, 0)}
	d := decide(in, 0)[0]
	g.Status = d.Programmed("", in.Now)
	before := g.Status
	if d = decide(in, time.Second)[0]; len(d.Notes) > 0 || !cmp.Equal(d.Programmed("", in.Now), before) {
		t.Errorf("again: %v %s", d.Notes, cmp.Diff(before, d.Programmed("", in.Now)))
	}
	in.Policies = []*v1alpha1.OverrideGrantPolicy{policy("none", func(s *v1alpha1.OverrideGrantPolicySpec) { s.MaxGrants = new(int32) })}
	d = decide(in, time.Second)[0]
	if !slices.Equal(d.Notes, []grant.Note{grant.NoteRefused}) || d.Delete != before.SecretName || d.Delete == "" || d.Status.SecretName != "" || d.Status.TokenExpires != nil {
		t.Errorf("refused: %v, delete %q, %+v", d.Notes, d.Delete, d.Status)
	}
	g.Status = d.Status
	if d = decide(in, time.Minute)[0]; len(d.Notes) > 0 || d.Delete != "" {
		t.Errorf("refused again: %v %q", d.Notes, d.Delete)
	}
	if d = decide(in, 2*time.Hour)[0]; len(d.Notes) > 0 || !d.Again.IsZero() || d.Reason != v1alpha1.GrantReasonExpired {
		t.Errorf("ended: %v %v", d.Notes, d.Again)
	}
}

// TestOrder: the order of the input does not matter.
func TestOrder(t *testing.T) {
	t.Parallel()
	var grants []*v1alpha1.OverrideGrant
	for i := range 12 {
		grants = append(grants, newGrant(fmt.Sprintf("g-%02d", i), "cart:v2", time.Hour, func(g *v1alpha1.OverrideGrant) {
			g.Namespace = []string{"shop", "web"}[i%2]
			g.CreationTimestamp = metav1.NewTime(created.Add(time.Duration(i%3) * time.Second))
		}))
	}
	policies := []*v1alpha1.OverrideGrantPolicy{policy("few", func(s *v1alpha1.OverrideGrantPolicySpec) { s.MaxGrants = new(int32(2)) })}
	want := decide(&grant.Input{Grants: grants, Policies: policies}, time.Minute)
	rapid.Check(t, func(r *rapid.T) {
		got := decide(&grant.Input{Grants: rapid.Permutation(grants).Draw(r, "order"), Policies: policies}, time.Minute)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatal(diff)
		}
	})
}

// TestID: IDs have the form that proxies look for, and differ.
func TestID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i := range 1000 {
		id := grant.ID(types.UID(fmt.Sprint(i)))
		if rest, is := strings.CutPrefix(id, "grant."); !is || len(rest) != 12 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") != "" || seen[id] {
			t.Fatalf("the ID of %d is %s", i, id)
		}
		seen[id] = true
	}
}

// TestSecretName: names are valid and differ, however long those of grants are.
func TestSecretName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 240) + "." + strings.Repeat("b", 12)
	for _, name := range []string{"pr-1", long} {
		d := decide(&grant.Input{Grants: []*v1alpha1.OverrideGrant{newGrant(name, "cart:v2", time.Hour)}, Ring: newRing(t, 0)}, 0)[0]
		if !strings.HasSuffix(d.Secret, "-"+strings.TrimPrefix(d.Mint.ID, "grant.")) || len(d.Secret) > 253 || strings.Contains(d.Secret, ".-") {
			t.Errorf("the Secret of %s is %s", name, d.Secret)
		}
	}
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
