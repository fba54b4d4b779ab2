package sample

import (
	"net/http"
	"time"
)

// control answers requests that control the program itself:
//
//	POST /control/crash           it ends at once with 1, as if it had crashed
//	POST /control/unready?for=2s  /healthz is 503 for that time, and nothing else changes
func (p *program) control(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("POST /control/crash", func(http.ResponseWriter, *http.Request) { p.fall() })
	mux.HandleFunc("POST /control/unready", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("for"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		// A draining program does not change.
		if at := p.readyAt.Load(); at != 0 {
			p.readyAt.CompareAndSwap(at, time.Now().Add(d).UnixNano())
		}
	})
	return mux
}
