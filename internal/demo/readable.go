package demo

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// readable answers people with the path that the request took, on a line. Who
// asks for JSON gets the whole answer, and so do the services, which ask for
// nothing; curl and browsers ask for anything.
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
		_, _ = io.WriteString(w, text) // who has gone away gets no answer
	})
}

// reasons lists why calls failed, one a line.
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
