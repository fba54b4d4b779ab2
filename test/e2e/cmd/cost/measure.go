package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// kind is one kind of request to one Service.
type kind struct {
	service service
	name    string
	// header is the value of the override header, empty for none.
	header string
	// want is the version that must answer.
	want string
	*block.Block
}

func kinds(client *http.Client, all []service) []*kind {
	var out []*kind
	add := func(k kind) {
		k.Block = &block.Block{Name: k.name + " to " + k.service.name, Send: func(ctx context.Context) error { return k.send(ctx, client) }}
		out = append(out, &k)
	}
	for _, s := range all {
		add(kind{service: s, name: "ordinary", want: released})
		if s.versions > 0 {
			add(kind{service: s, name: "last", header: s.name + ":" + last, want: last})
		}
		if s.versions > 0 && s.rows != withoutSets {
			add(kind{service: s, name: "set", header: "*:" + last, want: last})
		}
		add(kind{service: s, name: "miss", header: s.name + ":none", want: released})
	}
	return out
}

// send sends one request and expects the right version to answer.
func (k *kind) send(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.service.name+"/", nil)
	if err != nil {
		return err
	}
	if k.header != "" {
		request.Header.Set("X-Override", k.header)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	if err != nil {
		return fmt.Errorf("answered %s: %w", response.Status, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	if answer.Version != k.want {
		return fmt.Errorf("answered by %s, want %s", answer.Version, k.want)
	}
	return nil
}
