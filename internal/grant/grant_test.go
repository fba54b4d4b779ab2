package grant_test

import (
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
			newGrant("a", "*:pr-1", hour),
			[]*v1alpha1.OverrideGrantPolicy{production},
			"production",
			"NotPermitted OverrideGrantPolicy production: it is not for ada@example.com (spec.requester.groups names no group), but for Group release, ServiceAccount build/ci; " +
				"the lifetime 1h0m0s is longer than 30m0s, the longest that is allowed; *.shop:pr-1 is not allowed: overrides may be for checkout.shop, *.web. " +
				"Make another grant within these limits, or ask for an OverrideGrantPolicy that permits this one",
		},
		"one of several policies": {
			newGrant("a", "*:pr-1", hour),
			[]*v1alpha1.OverrideGrantPolicy{production, policy("more", func(s *v1alpha1.OverrideGrantPolicySpec) { s.Services = []string{"*"} })},
			"production", "Accepted",
		},
		"a selector that is not valid": {
			newGrant("a", "cart:v2", hour),
			[]*v1alpha1.OverrideGrantPolicy{policy("broken", func(s *v1alpha1.OverrideGrantPolicySpec) {
				s.Namespaces = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Is"}}}
			})},
			"", `NotPermitted spec.namespaces of OverrideGrantPolicy broken is not valid: correct it ("Is" is not a valid label selector operator)`,
		},
		"labels that are not known": {
			newGrant("a", "cart:v2", hour),
			[]*v1alpha1.OverrideGrantPolicy{production},
			"unknown",
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
