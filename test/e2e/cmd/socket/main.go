package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

func main() {
	service := chain.New(chain.Options{Service: os.Getenv("NAME"), Version: os.Getenv("VERSION"), Next: []string{os.Getenv("NEXT")}})
	server := &http.Server{Addr: ":8080", Handler: &upgrading{service}, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "socket:", err)
		os.Exit(1)
	}
}

// upgrading accepts upgrades for a service.
type upgrading struct{ service http.Handler }

// ServeHTTP implements [http.Handler].
func (u *upgrading) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if protocol == "" {
		u.service.ServeHTTP(w, r)
		return
	}
	answer := &recorded{header: w.Header(), status: http.StatusOK}
	u.service.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()) // the client may have gone away
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n%s", protocol, answer.body.Bytes())
}

// recorded is an answer that is kept.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write implement [http.ResponseWriter].
func (r *recorded) Header() http.Header                { return r.header }
func (r *recorded) WriteHeader(status int)             { r.status = status }
func (r *recorded) Write(part []byte) (n int, _ error) { return r.body.Write(part) }
