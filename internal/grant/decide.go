package grant

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/token"
)

// Options are the options of an installation.
type Options struct {
	// Issuer and Audience are the claims iss and aud of tokens.
	Issuer, Audience string
	// Lifetime is the longest lifetime of a token. A grant that lasts longer gets several, one
	// after the other.
	Lifetime time.Duration
	// Keys say when keys change.
	Keys KeyOptions
}

// DefaultOptions returns the default options.
func DefaultOptions() Options {
	return Options{Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, Lifetime: token.DefaultMaxLifetime, Keys: DefaultKeyOptions()}
}

// Input is what decisions depend on.
type Input struct {
	// Grants are the grants of managed namespaces, and Policies all policies.
	Grants   []*v1alpha1.OverrideGrant
	Policies []*v1alpha1.OverrideGrantPolicy
	// Unread says why the policies can't be read; empty if they can. Nothing is permitted then.
	Unread string
	// Labels are the labels of namespaces, as far as they are known.
	Labels map[string]map[string]string
	// Ring are the keys; none while they are not known.
	Ring    Ring
	Options Options
	Now     time.Time
}

// Note is something to say about a grant: the value of the attribute "audit" of a line in the
// log.
type Note string

const (
	// NoteAccepted is for a grant that was not accepted before.
	NoteAccepted Note = "grant.accepted"
	// NoteRefused is for a refusal that differs from the last decision.
	NoteRefused Note = "grant.refused"
	// NoteEnded is for a grant whose time is over.
	NoteEnded Note = "grant.ended"
	// NoteRevoked is for a grant that was deleted before its time was over.
	NoteRevoked Note = "grant.revoked"
	// NoteMinted is for the first token of a grant.
	NoteMinted Note = "grant.minted"
	// NoteRenewed is for each further token.
	NoteRenewed Note = "grant.renewed"
)

// Decision is what becomes of a grant.
type Decision struct {
	Grant *v1alpha1.OverrideGrant
	// Status is the status of a grant that is not accepted. That of an accepted one follows from
	// it by [Decision.Programmed].
	Status v1alpha1.OverrideGrantStatus
	// Accepted is set while the grant is live. Reason says why it is not.
	Accepted bool
	Reason   string
	// Mint asks for a token, by Key, that expires at Expires; nil if the last one is good.
	// Secret is where it belongs.
	Mint    *token.Request
	Key     *token.Key
	Expires time.Time
	Secret  string
	// Delete names a Secret with a token that is no longer granted; empty for none.
	Delete string
	// Problem says why an accepted grant can't have a token now; empty for nothing.
	Problem string
	// Notes are what to say once the rest is done.
	Notes []Note
	// Again is when to decide again; zero for never.
	Again time.Time
}

// Decide decides about grants. Those of one namespace take the places that policies limit in the
// order of their age, then of their names. Grants that are being deleted have none, and get no
// decision. The decisions are sorted by namespace and name.
func Decide(in *Input) []Decision {
	grants := slices.DeleteFunc(slices.Clone(in.Grants), func(g *v1alpha1.OverrideGrant) bool { return g.DeletionTimestamp != nil })
	slices.SortFunc(grants, func(a, b *v1alpha1.OverrideGrant) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	out := make([]Decision, 0, len(grants))
	var r rules
	accepted := 0
	for i, g := range grants {
		if i == 0 || g.Namespace != grants[i-1].Namespace {
			r, accepted = in.rulesFor(g.Namespace), 0
		}
		d := in.decide(g, &r, accepted)
		if d.Accepted {
			accepted++
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(strings.Compare(a.Grant.Namespace, b.Grant.Namespace), strings.Compare(a.Grant.Name, b.Grant.Name))
	})
	return out
}

// decide decides about one grant beside others that are accepted.
func (in *Input) decide(g *v1alpha1.OverrideGrant, r *rules, accepted int) Decision {
	a, invalid := in.Options.read(g, in.Now)
	var refused *refusal
	switch {
	case len(invalid) > 0:
		refused = &refusal{v1alpha1.PolicyReasonInvalid, sentence(invalid) + ". Delete the grant, and make another one"}
	case !in.Now.Before(a.ends):
		refused = &refusal{v1alpha1.GrantReasonExpired, "it ended at " + a.ends.UTC().Format(time.RFC3339) + ": make another grant if it is still needed"}
	default:
		refused = r.permit(g, &a, accepted)
	}
	d := Decision{Grant: g, Accepted: refused == nil, Status: status(g, &a, refused, in.Now)}
	if len(invalid) == 0 && in.Now.Before(a.ends) {
		d.Again = a.ends
	}
	if refused != nil {
		d.Reason, d.Delete = refused.reason, g.Status.SecretName
		d.Notes = notesOfRefusal(g, refused)
		return d
	}
	if !meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.PolicyConditionAccepted) {
		d.Notes = append(d.Notes, NoteAccepted)
	}
	in.mint(&d, &a)
	return d
}

// notesOfRefusal returns what is new about a grant that is not accepted.
func notesOfRefusal(g *v1alpha1.OverrideGrant, r *refusal) []Note {
	last := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.PolicyConditionAccepted)
	switch {
	case last != nil && last.Status != "True" && last.Reason == r.reason && last.Message == r.message:
		return nil
	case r.reason != v1alpha1.GrantReasonExpired:
		return []Note{NoteRefused}
	case last != nil && last.Status == "True":
		return []Note{NoteEnded}
	}
	return nil // it was refused, or nobody saw it before it ended
}

// mint asks for a token if the grant has none, if its key is gone, or if half of its lifetime is
// over and another one would last longer.
func (in *Input) mint(d *Decision, a *asked) {
	d.Secret = secretName(d.Grant.Name, a.request.ID)
	has := d.Grant.Status
	note := NoteRenewed
	switch {
	case has.TokenExpires == nil || has.SecretName != d.Secret:
		note = NoteMinted
	case !in.Ring.has(has.KeyID) && len(in.Ring) > 0:
	case has.TokenExpires.Time.Before(a.ends) && !in.Now.Before(in.renewal(has.TokenExpires.Time)):
	default:
		if renewal := in.renewal(has.TokenExpires.Time); has.TokenExpires.Time.Before(a.ends) && renewal.Before(d.Again) {
			d.Again = renewal
		}
		return
	}
	if d.Key = in.Ring.Signing(in.Options.Keys, in.Now); d.Key == nil {
		d.Problem = "there is no key yet that signs tokens"
		return
	}
	request := a.request
	request.Lifetime = max(min(a.ends.Sub(in.Now), in.Options.Lifetime), time.Second)
	d.Mint, d.Notes = &request, append(d.Notes, note)
	if d.Expires = a.ends; request.Lifetime == in.Options.Lifetime {
		d.Expires = time.Unix(in.Now.Unix(), 0).Add(in.Options.Lifetime)
	}
	if renewal := in.renewal(d.Expires); d.Expires.Before(a.ends) && renewal.Before(d.Again) {
		d.Again = renewal
	}
}

// renewal returns when a token that expires at a time is renewed. A token that does not last
// until its grant ends has the longest lifetime.
func (in *Input) renewal(expires time.Time) time.Time { return expires.Add(-in.Options.Lifetime / 2) }
