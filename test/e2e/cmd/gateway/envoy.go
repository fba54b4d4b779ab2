package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// holding is what the gateway's Envoy has.
type holding struct {
	routes int
	// memory is in bytes.
	memory int64
}

// held reads what the Envoy has.
func (g *gateway) held(ctx context.Context) (holding, error) {
	var h holding
	admin, err := g.mesh.Client(ctx, localmesh.Pod{Namespace: namespace, Name: g.pod.Name, IP: g.pod.IP})
	if err != nil {
		return h, err
	}
	defer admin.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:15000/config_dump?resource=dynamic_route_configs", http.NoBody)
	if err != nil {
		return h, err
	}
	response, err := admin.Do(request)
	if err != nil {
		return h, fmt.Errorf("ask Envoy for its routes: %w", err)
	}
	defer response.Body.Close()
	var dump struct {
		Configs []struct {
			RouteConfig struct {
				VirtualHosts []struct {
					Routes []json.RawMessage `json:"routes"`
				} `json:"virtual_hosts"`
			} `json:"route_config"`
		} `json:"configs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&dump); err != nil {
		return h, fmt.Errorf("read Envoy's routes: %w", err)
	}
	for _, c := range dump.Configs {
		for _, v := range c.RouteConfig.VirtualHosts {
			h.routes += len(v.Routes)
		}
	}
	h.memory, err = block.Memory(g.pid)
	return h, err
}
