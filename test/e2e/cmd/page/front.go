package main

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/websocket"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// session is the cookie with the name of the user.
const session = "session"

// view is what a page shows.
type view struct{ Version, Cart, User string }

var page = template.Must(template.New("page").Parse(`<!doctype html>
<meta charset="utf-8">
<title>Shop</title>
<style>
  body { font: 18px/1.5 "DejaVu Sans", sans-serif; margin: 0; color: #222 }
  header { background: {{if eq .Version "v1"}}#2b5797{{else}}#b35900{{end}}; color: #fff; padding: 14px 28px }
  main { padding: 14px 28px }
  header span { float: right; font-size: 14px }
  td { padding-right: 28px }
</style>
<header>Shop{{if ne .Version "v1"}} – preview{{end}}<span><script>document.write(location.href)</script></span></header>
<main>
<table>
  <tr><td>front end<td id="front">{{.Version}}
  <tr><td>cart<td id="cart">{{.Cart}}
  <tr><td>user<td id="user">{{if .User}}{{.User}}{{else}}nobody{{end}}
</table>
<p><a id="login" href="/login">log in</a>
</main>
`))

// shop is the front end.
type shop struct {
	version, cart string
	client        *http.Client
}

func front(handler *http.ServeMux, version, cart string) {
	s := &shop{version: version, cart: cart, client: &http.Client{Timeout: 10 * time.Second}}
	handler.HandleFunc("GET /", s.show)
	handler.HandleFunc("GET /login", s.login)
	handler.Handle("GET /socket", websocket.Handler(s.echo))
	handler.HandleFunc("GET /callback", s.callback)
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	v := view{Version: s.version}
	var err error
	if v.Cart, err = s.versionOfCart(r); err != nil {
		v.Cart = err.Error()
	}
	if cookie, err := r.Cookie(session); err == nil {
		v.User = cookie.Value
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, v) // the browser may be gone
}

// versionOfCart calls the cart, and passes the carriers on.
func (s *shop) versionOfCart(r *http.Request) (string, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.cart, http.NoBody)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"X-Override", "Baggage", "X-Request-Id"} {
		if values := r.Header.Values(name); len(values) > 0 {
			request.Header[name] = values
		}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	return answer.Version, err
}

// echo answers each message by the version and the message.
func (s *shop) echo(c *websocket.Conn) {
	for {
		var message string
		if websocket.Message.Receive(c, &message) != nil || websocket.Message.Send(c, s.version+" "+message) != nil {
			return // the visitor is gone
		}
	}
}

// login leads to the OAuth server.
func (*shop) login(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"response_type": {"code"}, "client_id": {"shop"}, "redirect_uri": {redirectURI}}
	http.Redirect(w, r, authorize+"?"+query.Encode(), http.StatusFound)
}

// callback asks the OAuth server whom a code is for, and logs that user in.
func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, token+"?code="+url.QueryEscape(r.URL.Query().Get("code")), http.NoBody)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := s.client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	user, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil || response.StatusCode != http.StatusOK {
		http.Error(w, fmt.Sprintf("the OAuth server answered %s", response.Status), http.StatusForbidden)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: session, Value: string(user), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
