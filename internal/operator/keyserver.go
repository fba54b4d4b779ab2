package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
)

// KeysPath is the path of the public keys, a JSON Web Key Set.
const KeysPath = "/jwks.json"

// keyServer serves the public keys from every replica, so that proxies get them while there is
// no leader, and while the API server is away.
type keyServer struct {
	keys    *signingKeys
	address string
	watched typedcore.CoreV1Interface
	log     *slog.Logger
}

// NeedLeaderElection returns false, because every replica serves.
func (s *keyServer) NeedLeaderElection() bool { return false }

// Start watches the keys, and serves them until ctx ends.
func (s *keyServer) Start(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("serve the public keys: %w", err)
	}
	s.log.Info("serving the public keys of grants", "address", listener.Addr().String(), "path", KeysPath)
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop)
	})()
	go s.keys.watch(ctx, s.watched)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the public keys: %w", err)
	}
	return nil
}

// ServeHTTP answers with the public keys.
func (s *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ring := s.keys.published()
	switch {
	case r.URL.Path != KeysPath:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	case len(ring) == 0:
		http.Error(w, errNoKeys.Error(), http.StatusServiceUnavailable)
		return
	}
	text, err := json.Marshal(ring.Public())
	if err != nil {
		s.log.Error("encode the public keys", "error", err)
		http.Error(w, "the keys can't be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client may be gone
}

var errNoKeys = errors.New("there are no keys yet")

// ready returns an error while this replica has no keys, and must get no requests.
func (s *keyServer) ready(*http.Request) error {
	if len(s.keys.published()) == 0 {
		return errNoKeys
	}
	return nil
}
