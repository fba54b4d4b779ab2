package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/token"
)

// write writes what has changed for a grant: first its Secret, then its status, which says that
// the Secret is there. An error means that the grant must be looked at again.
func (g *grants) write(ctx context.Context, d *grant.Decision, now time.Time) error {
	if !d.Accepted {
		if err := g.deleteToken(ctx, d); err != nil {
			return err
		}
		return g.report(ctx, d, d.Status, d.Notes)
	}
	failed, notes := g.writeToken(ctx, d, now), d.Notes
	problem := d.Problem
	if failed != nil {
		problem = failed.Error()
	}
	if problem != "" {
		notes = notes[:0:0]
		if len(d.Notes) > 0 && d.Notes[0] == grant.NoteAccepted {
			notes = d.Notes[:1]
		}
	}
	if err := g.report(ctx, d, d.Programmed(problem, now), notes); err != nil {
		return err
	}
	return failed
}

// writeToken writes a new token, if the grant needs one.
func (g *grants) writeToken(ctx context.Context, d *grant.Decision, now time.Time) error {
	if d.Mint == nil {
		return nil
	}
	text, _, err := token.Mint(d.Key, d.Mint, &token.Limits{Lifetime: g.options.Lifetime}, now)
	if err == nil {
		err = g.writeSecret(ctx, d, text)
	}
	if err != nil {
		g.metrics.tokens.WithLabelValues("failed").Inc()
		return err
	}
	g.metrics.tokens.WithLabelValues("written").Inc()
	return nil
}

// writeSecret writes a token into the Secret of a grant, which it does not read: the operator
// may not read Secrets of users. Every Secret with its name has the type of tokens, or else the
// API server refuses to replace it: the type can't be changed.
func (g *grants) writeSecret(ctx context.Context, d *grant.Decision, text string) error {
	client := g.secrets.Secrets(d.Grant.Namespace)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Grant.Namespace, Name: d.Secret, Labels: map[string]string{istio.ManagedByLabel: istio.ManagedBy},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindOverrideGrant, Name: d.Grant.Name, UID: d.Grant.UID,
			}},
		},
		Type: grant.SecretType, Data: map[string][]byte{grant.SecretKey: []byte(text)},
	}
	create := func() error {
		_, err := client.Create(ctx, secret, metav1.CreateOptions{FieldManager: apply.Manager})
		return err
	}
	update := func() error {
		_, err := client.Update(ctx, secret, metav1.UpdateOptions{FieldManager: apply.Manager})
		return err
	}
	var err error
	if d.Grant.Status.SecretName == d.Secret {
		if err = update(); apierrors.IsNotFound(err) {
			err = create()
		}
	} else if err = create(); apierrors.IsAlreadyExists(err) {
		err = update()
	}
	if err != nil {
		return fmt.Errorf("write Secret %s: %w", d.Secret, err)
	}
	return nil
}

// deleteToken deletes the Secret of a grant that is no longer live.
func (g *grants) deleteToken(ctx context.Context, d *grant.Decision) error {
	if d.Delete == "" {
		return nil
	}
	err := g.secrets.Secrets(d.Grant.Namespace).Delete(ctx, d.Delete, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Secret %s: %w", d.Delete, err)
	}
	return nil
}

// report writes the status of a grant if it differs, and says what is new.
func (g *grants) report(ctx context.Context, d *grant.Decision, want v1alpha1.OverrideGrantStatus, notes []grant.Note) error {
	if encodedStatus(&d.Grant.Status) != encodedStatus(&want) {
		object := diag.Object{Kind: v1alpha1.KindOverrideGrant, Namespace: d.Grant.Namespace, Name: d.Grant.Name}
		err := apply.Status(ctx, g.objects, object, d.Grant.UID, &want)
		switch {
		case apierrors.IsNotFound(err), errors.Is(err, context.Canceled):
			return nil // it is gone, and so will the Secret be that it owns
		case err != nil:
			return fmt.Errorf("write the status: %w", err)
		}
		g.remember(d.Grant, want)
	}
	for _, n := range notes {
		g.audit(d, n, &want)
	}
	return nil
}

// remember records a status that the store does not have yet.
func (g *grants) remember(object *v1alpha1.OverrideGrant, want v1alpha1.OverrideGrantStatus) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, is := g.written[object.UID]
	if !is || encodedStatus(&last.written) != encodedStatus(&object.Status) {
		last.base = encodedStatus(&object.Status)
	}
	last.written = want
	g.written[object.UID] = last
}

// auditRevoked says which grants were deleted before they ended.
func (g *grants) auditRevoked(decisions []grant.Decision, now time.Time) {
	live := map[types.UID]grant.Decision{}
	present := map[types.UID]bool{}
	for i := range decisions {
		d := &decisions[i]
		present[d.Grant.UID] = true
		if d.Accepted {
			live[d.Grant.UID] = *d
		}
	}
	for uid, d := range g.live {
		if !present[uid] && now.Before(d.Status.Ends.Time) {
			g.audit(&d, grant.NoteRevoked, &d.Status)
		}
	}
	g.live = live
}

// noteEvents are the Events of notes: reason and type. The others have none.
var noteEvents = map[grant.Note]struct{ reason, kind string }{
	grant.NoteAccepted: {"Accepted", corev1.EventTypeNormal},
	grant.NoteRefused:  {"Refused", corev1.EventTypeWarning},
	grant.NoteEnded:    {"Ended", corev1.EventTypeNormal},
}

// audit says something about a grant: in the log, and as an Event if its owner needs to know.
func (g *grants) audit(d *grant.Decision, n grant.Note, s *v1alpha1.OverrideGrantStatus) {
	o := d.Grant
	log := g.log.With("namespace", o.Namespace, "name", o.Name, "id", grant.ID(o.UID), "requester", o.Spec.Requester.Username, "subject", s.Subject)
	accepted := meta.FindStatusCondition(s.Conditions, v1alpha1.PolicyConditionAccepted)
	note := "grants " + s.Overrides
	switch n {
	case grant.NoteMinted, grant.NoteRenewed:
		expires := d.Expires.UTC().Format(time.RFC3339)
		log.Info("made a token for a grant", "audit", string(n), "overrides", s.Overrides, "key", s.KeyID, "expires", expires, "secret", s.SecretName)
		log.Info("signed a token", "audit", "key.used", "key", s.KeyID, "expires", expires)
	case grant.NoteRefused:
		note = accepted.Message
		log.Warn("refused a grant", "audit", string(n), "overrides", o.Spec.Overrides, "reason", accepted.Reason, "message", accepted.Message)
	default:
		attributes := []any{slog.String("audit", string(n)), slog.String("overrides", s.Overrides)}
		if s.Ends != nil {
			attributes = append(attributes, slog.String("ends", s.Ends.UTC().Format(time.RFC3339)))
		}
		log.Info("decided about a grant", attributes...)
	}
	event, is := noteEvents[n]
	if !is {
		return
	}
	regarding := *o
	regarding.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindOverrideGrant))
	g.recorder.Eventf(&regarding, nil, event.kind, event.reason, "Decide", "%s", truncateNote(note))
}
