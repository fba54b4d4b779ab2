package demo

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// readable answers people with the path of the request, on one line. Clients that accept
// JSON get the whole answer, and so do services, which have no Accept header; curl and
// browsers accept anything.
func readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept := r.Header.Get("Accept")
		if accept == "" || strings.Contains(accept, "json") || r.URL.Path == "/healthz" {
			next.ServeHTTP(w, r)
			return
		}
		kept := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(kept, r)
		text := kept.body.String()
		if answer, err := chain.Decode(strings.NewReader(text)); err == nil {
			text = answer.String() + "\n" + reasons(&answer)
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(kept.status)
		_, _ = io.WriteString(w, text) // the client may have gone away
	})
}

// reasons lists why calls failed, one per line.
func reasons(a *chain.Answer) string {
	out := ""
	if a.Error != "" {
		out = a.Error + "\n"
	}
	for i := range a.Calls {
		out += reasons(&a.Calls[i])
	}
	return out
}

// recorder keeps what a handler writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(data []byte) (int, error) { return r.body.Write(data) }
