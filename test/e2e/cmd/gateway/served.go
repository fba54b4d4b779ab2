package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

const (
	// times is how often one more preview is applied.
	times = 10
	// patience limits every wait, and ask is the time between two questions.
	patience = 2 * time.Minute
	ask      = 5 * time.Millisecond
)

// served returns the version that serves a request for a page of a host, with an override or
// none.
func (g *gateway) served(ctx context.Context, host, page, override string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.pod.IP+page, http.NoBody)
	if err != nil {
		return "", err
	}
	if request.Host = host + ".example.com"; override != "" {
		request.Header.Set("X-Override", override)
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

// await waits until a version serves requests for the last preview.
func (g *gateway) await(ctx context.Context, version string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(ask)
	defer ticker.Stop()
	for {
		got, err := g.served(ctx, "shop", "/", "shop:"+last)
		if err == nil && got == version {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s serves, want %s", got, version), err)
		case <-ticker.C:
		}
	}
}

// addition is one more preview, applied.
type addition struct {
	// stored is the time until the API server has stored its routes, served that from then until
	// it serves.
	stored, served time.Duration
}

// oneMore applies the routes with one more preview, again and again.
func (g *gateway) oneMore(ctx context.Context, without, with *made) ([]addition, error) {
	var out []addition
	for range times {
		if err := errors.Join(g.mesh.Apply(ctx, without.routes), g.await(ctx, released)); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := g.mesh.Apply(ctx, with.routes); err != nil {
			return nil, err
		}
		stored := time.Now()
		if err := g.await(ctx, last); err != nil {
			return nil, err
		}
		out = append(out, addition{stored.Sub(began), time.Since(stored)})
	}
	return out, nil
}

// kind is one kind of request.
type kind struct {
	name, host, page, override, want string
	*block.Block
}

// kinds are requests to both hosts: for the user's first route and for the last one.
func (g *gateway) kinds() []*kind {
	var out []*kind
	add := func(k kind) {
		k.Block = &block.Block{Name: fmt.Sprintf("%s to %s%s", k.name, k.host, k.page), Send: func(ctx context.Context) error {
			got, err := g.served(ctx, k.host, k.page, k.override)
			if err == nil && got != k.want {
				err = fmt.Errorf("served by %s, want %s", got, k.want)
			}
			return err
		}}
		out = append(out, &k)
	}
	for _, page := range []string{"/part-1/", "/"} {
		add(kind{name: "ordinary", host: "plain", page: page, want: released})
		add(kind{name: "ordinary", host: "shop", page: page, want: released})
		add(kind{name: "an override", host: "plain", page: page, override: "shop:" + last, want: released})
		add(kind{name: "the last preview", host: "shop", page: page, override: "shop:" + last, want: last})
		add(kind{name: "the set of the last preview", host: "shop", page: page, override: "*:" + last, want: last})
		add(kind{name: "an override for nothing", host: "shop", page: page, override: "nothing:v1", want: released})
	}
	return out
}
