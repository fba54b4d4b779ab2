package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/overrides-mesh/overrides/internal/apply"
)

// GatePath is the path of the webhook.
const GatePath = "/readiness-gate"

// The server is restarted after a backoff that doubles with each failure.
const webhookBackoff, webhookBackoffMax = time.Second, time.Minute

// webhookServer serves the webhook and rotates its certificate. It has a manager of its own,
// so that an error with certificates does not end the operator: routing continues, and pods
// are created without a gate.
type webhookServer struct {
	config  *rest.Config
	options *GateOptions
	handler admission.Handler
	log     *slog.Logger

	// certificate is the one in use; nil before the first.
	certificate atomic.Pointer[tls.Certificate]
	serving     atomic.Bool
}

// NeedLeaderElection returns false, because every replica serves the webhook.
func (s *webhookServer) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (s *webhookServer) Start(ctx context.Context) error {
	backoff := webhookBackoff
	for {
		began := time.Now()
		err := s.serve(ctx)
		s.serving.Store(false)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is not an error
		}
		if time.Since(began) > webhookBackoffMax {
			backoff = webhookBackoff
		}
		s.log.Error("serve the webhook of the readiness gate", "error", err, "again", backoff.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, webhookBackoffMax)
	}
}

// ready returns an error while this replica can't answer the webhook and must get no
// requests.
func (s *webhookServer) ready(*http.Request) error {
	if !s.serving.Load() || s.certificate.Load() == nil {
		return errors.New("the webhook has no certificate yet")
	}
	return nil
}

// serve serves until ctx ends or there is an error.
func (s *webhookServer) serve(ctx context.Context) error {
	host, port, err := splitAddress(s.options.Address)
	if err != nil {
		return err
	}
	// The rotator waits for the certificate to be in a directory.
	dir, err := os.MkdirTemp("", "overrides-webhook-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	manager, err := ctrl.NewManager(s.scopedConfig(), ctrl.Options{
		Scheme: newScheme(), Logger: logr.FromSlogHandler(s.log.Handler()),
		Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", PprofBindAddress: "0",
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{s.options.Namespace: {}}},
		WebhookServer: webhook.NewServer(webhook.Options{Host: host, Port: port, TLSOpts: []func(*tls.Config){
			func(c *tls.Config) {
				c.MinVersion, c.NextProtos = tls.VersionTLS13, []string{"http/1.1"}
				c.GetCertificate = s.currentCertificate
			},
		}}),
	})
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	loaded := make(chan struct{})
	if err := s.watchSecret(ctx, manager.GetCache(), dir, sync.OnceFunc(func() { close(loaded) })); err != nil {
		return err
	}
	if err := rotator.AddRotator(manager, s.rotator(dir)); err != nil {
		return fmt.Errorf("rotate certificates: %w", err)
	}
	listen := manager.Add(replicaRunnable(func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-loaded:
			// The manager is running, so it starts the server.
			manager.GetWebhookServer().Register(GatePath, &admission.Webhook{Handler: s.handler})
			s.serving.Store(true)
		}
		return nil
	}))
	return errors.Join(listen, manager.Start(ctx))
}

// replicaRunnable runs in every replica. It starts to listen once there is a certificate.
type replicaRunnable func(context.Context) error

func (f replicaRunnable) Start(ctx context.Context) error { return f(ctx) }

func (replicaRunnable) NeedLeaderElection() bool { return false }

// rotatorCount makes the names of controllers unique, as controller-runtime requires.
var rotatorCount atomic.Int64

func (s *webhookServer) rotator(dir string) *rotator.CertRotator {
	return &rotator.CertRotator{
		SecretKey: types.NamespacedName{Namespace: s.options.Namespace, Name: s.options.Secret},
		CertDir:   dir, CAName: s.options.Configuration, CAOrganization: "overrides",
		DNSName: s.options.Service + "." + s.options.Namespace + ".svc", ExtraDNSNames: s.options.Hosts,
		Webhooks:   []rotator.WebhookInfo{{Name: s.options.Configuration, Type: rotator.Mutating}},
		FieldOwner: apply.Manager, IsReady: make(chan struct{}),
		ControllerName: "certificates-" + strconv.FormatInt(rotatorCount.Add(1), 10),
	}
}

// watchSecret loads the certificate from the Secret whenever it changes, and calls onLoaded
// each time.
func (s *webhookServer) watchSecret(ctx context.Context, c cache.Cache, dir string, onLoaded func()) error {
	informer, err := c.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch the Secret of the webhook: %w", err)
	}
	load := func(object any) {
		secret, ok := object.(*corev1.Secret)
		if !ok || secret.Name != s.options.Secret {
			return
		}
		certificate, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		if err != nil {
			return // empty or invalid: the rotator makes a new one
		}
		s.certificate.Store(&certificate)
		if err := os.WriteFile(filepath.Join(dir, corev1.TLSCertKey), secret.Data[corev1.TLSCertKey], 0o600); err != nil {
			s.log.Error("write the certificate of the webhook", "error", err)
		}
		onLoaded()
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: load, UpdateFunc: func(_, object any) { load(object) }})
	if err != nil {
		return fmt.Errorf("watch the Secret of the webhook: %w", err)
	}
	return nil
}

func (s *webhookServer) currentCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := s.certificate.Load(); certificate != nil {
		return certificate, nil
	}
	return nil, errors.New("no certificate yet")
}

// scopedConfig returns a configuration whose requests for Secrets and webhooks name one
// object each. The rotator lists all of them, and the operator must not need the permission
// to.
func (s *webhookServer) scopedConfig() *rest.Config {
	only := map[string]string{"secrets": s.options.Secret, "mutatingwebhookconfigurations": s.options.Configuration}
	out := rest.CopyConfig(s.config)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			name, ok := only[request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]]
			if !ok || request.Method != http.MethodGet {
				return next.RoundTrip(request)
			}
			request = request.Clone(request.Context())
			query := request.URL.Query()
			query.Set("fieldSelector", "metadata.name="+name)
			request.URL.RawQuery = query.Encode()
			return next.RoundTrip(request)
		})
	})
	return out
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func splitAddress(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("read the address of the webhook: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("read the address of the webhook: %q is not a port", text)
	}
	return host, int(port), nil
}
