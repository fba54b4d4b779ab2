package main

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

var form = template.Must(template.New("form").Parse(`<!doctype html>
<meta charset="utf-8">
<title>Log in</title>
<style>body { font: 18px/1.5 "DejaVu Sans", sans-serif; margin: 28px; color: #222 } input, button { font: inherit }</style>
<p>login.example.com
<form method="post" action="/authorize?{{.}}">
  <input id="name" name="name" autofocus> <button id="submit">log in</button>
</form>
`))

// grant begins a code: this server's codes have the user's name.
const grant = "code-of-"

// login is an OAuth server with one client.
func login(handler *http.ServeMux) {
	handler.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("client_id") != "shop" || query.Get("redirect_uri") != redirectURI {
			http.Error(w, "redirect_uri is not registered for this client", http.StatusBadRequest)
			return
		}
		if r.Method == http.MethodPost {
			code := url.Values{"code": {grant + r.FormValue("name")}}
			http.Redirect(w, r, redirectURI+"?"+code.Encode(), http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = form.Execute(w, template.URL(query.Encode())) //nolint:gosec // it is encoded
	})
	handler.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		user, valid := strings.CutPrefix(r.URL.Query().Get("code"), grant)
		if !valid || user == "" {
			http.Error(w, "unknown code", http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(user)) //nolint:gosec // not a page
	})
}
