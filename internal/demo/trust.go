package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/sample"
	"github.com/overrides-mesh/overrides/internal/demo/script"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

// trust is what a demo has in which only tokens count: a key of its own, and the parts of the
// Envoys that check tokens by it.
type trust struct {
	key    *token.Key
	header string
	parts  *edge.Parts
}

// newTrust makes a key. carrier is the name of the override header.
func newTrust(carrier string) (*trust, error) {
	key, err := token.NewKey("ES256", rand.Reader)
	if err != nil {
		return nil, err
	}
	request := &edge.Request{Policy: edge.Token, Tokens: &edge.Tokens{
		Expected: token.Expected{Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, MaxLifetime: token.DefaultMaxLifetime},
		Keys:     token.Public(key),
	}}
	parts, err := request.Parts(carrier)
	return &trust{key, grammar.TokenHeader(carrier), parts}, err
}

// envoyParts are the parts of an Envoy that check tokens; nil without trust.
func (t *trust) envoyParts() *edge.Parts {
	if t == nil {
		return nil
	}
	return t.parts
}

// mint returns a token for an hour from a time on.
func (t *trust) mint(override string, from time.Time) (string, error) {
	members, err := grammar.Parse(override)
	if err != nil {
		return "", err
	}
	text, _, err := token.Mint(t.key, &token.Request{
		Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, Subject: "demo", ID: rand.Text(), Members: members,
	}, &token.Limits{}, from)
	return text, err
}

// granted is what the valid token of the script permits.
const granted = "service-3:v2, service-5:v2"

// tokens are those of the script. The forged one is signed by a key that no Envoy knows.
func (t *trust) tokens(now time.Time) (*script.Tokens, error) {
	other, err := newTrust(grammar.DefaultHeader)
	if err != nil {
		return nil, err
	}
	out := &script.Tokens{}
	for _, one := range []struct {
		to   *string
		by   *trust
		from time.Time
	}{
		{&out.Valid, t, now},
		{&out.Forged, other, now},
		{&out.Expired, t, now.Add(-2 * token.DefaultLifetime)},
	} {
		if *one.to, err = one.by.mint(granted, one.from); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// forward returns the headers that a pod passes on: with trust not those of overrides, but only
// that with the token.
func (w *World) forward(config sample.Config) (chain.Forward, error) {
	if w.trust != nil {
		return chain.OnlyForward(w.trust.header, "X-Request-Id", "Traceparent", "Tracestate")
	}
	return chain.NewForward(config.Forward...)
}

// send sends requests of a script: through the Envoy of the client, or through that of a
// workload, as this workload itself would.
func (w *World) send(ctx context.Context, r script.Request) (script.Response, error) {
	if r.From == "" {
		return script.Over(w.Client())(ctx, r)
	}
	socket, err := w.socket(r.From)
	if err != nil {
		return script.Response{}, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	return script.Over(&http.Client{Timeout: requestTimeout, Transport: transport})(ctx, r)
}

// command returns a request of a script as a command.
func (w *World) command(r script.Request) string {
	if r.From == "" {
		return r.Curl(w.URL())
	}
	socket, err := w.socket(r.From)
	if err != nil {
		return err.Error()
	}
	return r.Curl(socket)
}

// socket is that of the Envoy of a workload, by the name of the workload.
func (w *World) socket(name string) (string, error) {
	for _, s := range w.servers {
		if s.of.Name == name {
			return w.proxies[s.of.Key()].Socket(), nil
		}
	}
	return "", fmt.Errorf("there is no workload %s", name)
}
