package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

const (
	// patience limits every wait, and ask is the time between two questions.
	patience = 2 * time.Minute
	ask      = 20 * time.Millisecond
)

// gateway is a gateway's only pod.
type gateway struct {
	name   string
	pod    localmesh.Pod
	pid    int
	client *http.Client
}

// served returns the version that serves a request with a header.
func (g *gateway) served(ctx context.Context, name, value string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.pod.IP+"/", http.NoBody)
	if err != nil {
		return "", err
	}
	if request.Host = host; name != "" {
		request.Header.Set(name, value)
	}
	response, err := g.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	if err != nil {
		return "", fmt.Errorf("answered %s: %w", response.Status, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return answer.Version, nil
}

// await waits until a version serves requests with a header.
func (g *gateway) await(ctx context.Context, name, value, version string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(ask)
	defer ticker.Stop()
	for {
		got, err := g.served(ctx, name, value)
		if err == nil && got == version {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("gateway %s: %q serves, want %s", g.name, got, version), err)
		case <-ticker.C:
		}
	}
}

// kind is one kind of request. Its base is the one that it is compared with.
type kind struct {
	gateway *gateway
	name    string
	base    *kind
	aim     string
	*block.Block
}

// header is the name of the override header, and tokenHeader that of the header with a token.
const header, tokenHeader = "X-Override", "X-Override-Token"

// newKind returns requests with one of some values of a header in turn.
func newKind(g *gateway, name, carrier, want string, values ...string) *kind {
	k := &kind{gateway: g, name: name}
	var sent atomic.Uint64
	k.Block = &block.Block{Name: name + " at " + g.name, PID: g.pid, Send: func(ctx context.Context) error {
		value := ""
		if len(values) > 0 {
			value = values[sent.Add(1)%uint64(len(values))]
		}
		got, err := g.served(ctx, carrier, value)
		if err == nil && got != want {
			err = fmt.Errorf("served by %s, want %s", got, want)
		}
		return err
	}}
	return k
}

// kinds are requests to all gateways.
func kinds(gateways [3]*gateway, k *signer, tokens int) ([]*kind, error) {
	open, control, guarded := gateways[0], gateways[1], gateways[2]
	ordinary := newKind(open, "ordinary", "", released)
	override := newKind(open, "an override", header, preview, "shop:"+preview)
	many := make([]string, tokens)
	for i := range many {
		var err error
		if many[i], err = k.sign(time.Now()); err != nil {
			return nil, err
		}
	}
	expired, err := k.sign(time.Now().Add(-3 * time.Hour))
	if err != nil {
		return nil, err
	}
	// A signature is base64url of 64 bytes: its first characters are not those of another.
	forged := many[0][:len(many[0])-10] + "AAAAAAAAAA"
	return against(ordinary, override, []compared{
		{newKind(control, "ordinary", "", released), ordinary, ""},
		{newKind(control, "an override", header, preview, "shop:"+preview), override, ""},
		{newKind(guarded, "ordinary", "", released), ordinary, "≤ 1.05 ×"},
		{newKind(guarded, "a bare override, which is not followed", header, released, "shop:"+preview), ordinary, ""},
		{newKind(guarded, "a token", tokenHeader, preview, many[:1]...), override, "≤ 1.2 ×"},
		{newKind(guarded, fmt.Sprintf("%d tokens in turn", tokens), tokenHeader, preview, many...), override, "≤ 1.2 ×"},
		{newKind(guarded, "a token in a cookie", "Cookie", preview, "preview="+many[0]), override, ""},
		{newKind(guarded, "an expired token", tokenHeader, released, expired), ordinary, ""},
		{newKind(guarded, "a forged token", tokenHeader, released, forged), ordinary, ""},
	}), nil
}

// compared is a kind of request, the one that it is compared with, and what the comparison should be.
type compared struct {
	k    *kind
	base *kind
	aim  string
}

// against returns the requests at the open gateway, and those that are compared with them.
func against(ordinary, override *kind, others []compared) []*kind {
	out := []*kind{ordinary, override}
	for _, c := range others {
		c.k.base, c.k.aim = c.base, c.aim
		out = append(out, c.k)
	}
	return out
}
