package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/grant"
	"github.com/overrides-mesh/overrides/internal/token"
)

const (
	// keyRingEntry is the entry of the Secret that has the keys.
	keyRingEntry = "keys.json"
	// keySecretType is the type of the Secret.
	keySecretType = discover.AnnotationPrefix + "signing-keys"
	// RotateAnnotation on the Secret asks for a new key, whatever its value. The operator
	// removes it when the key is made.
	RotateAnnotation = discover.AnnotationPrefix + "rotate"
	// keyRetry is how long the leader waits after it could not write the Secret.
	keyRetry = time.Second
)

// signingKeys has the keys that sign tokens of grants, as their Secret has them. Every replica
// watches that Secret by its name. The leader makes it, and changes keys.
type signingKeys struct {
	options *GrantOptions
	client  typedcore.SecretsGetter
	log     *slog.Logger
	// changed gets a value when the Secret has changed, or the leader must look again.
	changed chan struct{}

	mu sync.Mutex
	// secret is the Secret as last seen; nil if there is none. synced is set once it is known
	// whether there is one.
	secret *corev1.Secret
	synced bool
	// ring are the keys of the last Secret that could be read, which proxies get.
	ring grant.Ring
	// problem says why the present Secret can't be read.
	problem string
}

func newSigningKeys(options *GrantOptions, client typedcore.SecretsGetter, log *slog.Logger) *signingKeys {
	return &signingKeys{options: options, client: client, log: log, changed: make(chan struct{}, 1)}
}

// NeedLeaderElection returns false, because every replica serves the public keys.
func (k *signingKeys) NeedLeaderElection() bool { return false }

// watch watches the Secret until ctx ends. watched is a client whose requests have no timeout.
func (k *signingKeys) watch(ctx context.Context, watched typedcore.CoreV1Interface) {
	put := func(object any) {
		if secret, is := object.(*corev1.Secret); is {
			k.set(secret)
		}
	}
	source := toolscache.NewListWatchFromClient(watched.RESTClient(), "secrets", k.options.Namespace, fields.OneTermEqualSelector("metadata.name", k.options.Secret))
	_, informer := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: source, ObjectType: &corev1.Secret{}, Handler: toolscache.ResourceEventHandlerFuncs{
			AddFunc: put, UpdateFunc: func(_, object any) { put(object) }, DeleteFunc: func(any) { k.set(nil) },
		},
	})
	go func() {
		if toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			k.setSynced()
		}
	}()
	informer.RunWithContext(ctx)
}

func (k *signingKeys) setSynced() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.synced = true
	k.wake()
}

// set sets the present Secret; nil for none. A Secret that was deleted or can't be read leaves
// the keys that proxies get, until there are others.
func (k *signingKeys) set(secret *corev1.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret != nil && k.secret != nil && secret.UID == k.secret.UID && before(secret.ResourceVersion, k.secret.ResourceVersion) {
		return
	}
	k.secret, k.problem = secret, ""
	if ring, err := readRing(secret); err != nil {
		k.problem = fmt.Sprintf("the keys in Secret %s/%s can't be read (%v): correct or delete it", k.options.Namespace, k.options.Secret, err)
		k.log.Error("read the signing keys", "error", err, "namespace", k.options.Namespace, "secret", k.options.Secret)
	} else if len(ring) > 0 {
		k.ring = ring
	}
	k.wake()
}

// readRing returns the keys of a Secret; none for one that has none.
func readRing(secret *corev1.Secret) (grant.Ring, error) {
	if secret == nil || len(secret.Data[keyRingEntry]) == 0 {
		return nil, nil
	}
	return grant.ParseRing(secret.Data[keyRingEntry])
}

// wake makes the leader look again. The caller has locked k.mu.
func (k *signingKeys) wake() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// published returns the keys that proxies get.
func (k *signingKeys) published() grant.Ring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ring
}

// maintain makes and drops keys where it is time, and returns the keys to sign with, why there
// are none, and when to look again. Only the leader calls it.
func (k *signingKeys) maintain(ctx context.Context, lifetime time.Duration, now time.Time) (grant.Ring, string, time.Time) {
	k.mu.Lock()
	secret, synced, problem := k.secret, k.synced, k.problem
	k.mu.Unlock()
	if !synced || problem != "" {
		return nil, problem, time.Time{}
	}
	ring, err := readRing(secret)
	if err != nil {
		return nil, err.Error(), time.Time{} // set has seen it already
	}
	rotate := secret != nil && metav1.HasAnnotation(secret.ObjectMeta, RotateAnnotation)
	change := ring.Next(k.options.Keys, lifetime, rotate, now)
	if !change.Needed() {
		return ring, "", change.Again
	}
	next, err := k.write(ctx, secret, ring, &change, now)
	if err != nil {
		k.log.Error("write the signing keys", "error", err, "again", keyRetry.String())
		return ring, "", now.Add(keyRetry)
	}
	return next, "", change.Again
}

// write writes the Secret with the keys that a change leaves, and a new one if it asks for one.
func (k *signingKeys) write(ctx context.Context, secret *corev1.Secret, ring grant.Ring, change *grant.Change, now time.Time) (grant.Ring, error) {
	next, added := change.Keep, ""
	if change.Add {
		key, err := token.NewKey(token.Algorithms[0], rand.Reader)
		if err != nil {
			return nil, err
		}
		next, added = next.With(key, now), key.ID()
	}
	data, err := next.Encode()
	if err != nil {
		return nil, err
	}
	var written *corev1.Secret
	if secret == nil {
		written = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.options.Namespace, Name: k.options.Secret}, Type: keySecretType}
		written.Data = map[string][]byte{keyRingEntry: data}
		written, err = k.client.Secrets(k.options.Namespace).Create(ctx, written, metav1.CreateOptions{})
	} else {
		written = secret.DeepCopy()
		delete(written.Annotations, RotateAnnotation)
		if written.Data == nil {
			written.Data = map[string][]byte{}
		}
		written.Data[keyRingEntry] = data
		written, err = k.client.Secrets(k.options.Namespace).Update(ctx, written, metav1.UpdateOptions{})
	}
	if err != nil {
		return nil, err
	}
	k.set(written)
	k.audit(ring, added, change.Dropped)
	return next, nil
}

// audit says what has become of the keys.
func (k *signingKeys) audit(before grant.Ring, added string, dropped []string) {
	log := k.log.With("namespace", k.options.Namespace, "secret", k.options.Secret)
	if added != "" {
		log.Info("made a signing key", "audit", "key.created", "key", added)
	}
	if added != "" && len(before) > 0 {
		log.Info("a new signing key follows", "audit", "key.rotated", "from", before[len(before)-1].Key.ID(), "to", added, "signsIn", k.options.Keys.PublishBefore.String())
	}
	for _, id := range dropped {
		log.Info("dropped a signing key whose tokens have expired", "audit", "key.dropped", "key", id)
	}
}
