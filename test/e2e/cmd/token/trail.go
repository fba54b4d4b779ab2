package main

import (
	"bytes"
	"context"
	_ "embed" // the manifest
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
)

//go:embed trail.yaml
var trailManifest []byte

// openTrail has the guarded gateway report to a collector, gives all gateways their routes, and returns
// the requests to measure.
func (s *settings) openTrail(ctx context.Context, mesh *localmesh.Mesh) ([]*kind, error) {
	filter, err := s.run(ctx, "trail", "filter", "--namespaces", namespace, "--collector", "trail."+namespace+".svc.cluster.local:9911")
	if err != nil {
		return nil, err
	}
	filter = bytes.Replace(filter, []byte("\nspec:\n"), []byte("\nspec:\n  workloadSelector: {labels: {istio: "+guarded+"}}\n"), 1)
	routes, err := s.printed(ctx, "generate")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(mesh.Apply(ctx, trailManifest, filter, routes), mesh.WaitReady(ctx, namespace)); err != nil {
		return nil, err
	}
	all, err := findAll(ctx, mesh)
	if err != nil {
		return nil, err
	}
	all[2].name = "reporting"
	for _, g := range all {
		if err := g.await(ctx, header, "shop:"+preview, preview); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(mesh.Settle(ctx), all[2].awaitRecords(ctx, mesh)); err != nil {
		return nil, err
	}
	all[2].client.CloseIdleConnections()
	ordinary := newKind(all[0], "ordinary", "", released)
	override := newKind(all[0], "an override", header, preview, "shop:"+preview)
	return against(ordinary, override, []compared{
		{newKind(all[1], "ordinary", "", released), ordinary, ""},
		{newKind(all[1], "an override", header, preview, "shop:"+preview), override, ""},
		{newKind(all[2], "ordinary, not reported", "", released), ordinary, "≤ 1.05 ×"},
		{newKind(all[2], "an override, reported", header, preview, "shop:"+preview), override, ""},
	}), nil
}

// awaitRecords waits until the collector has records of requests to the gateway.
func (g *gateway) awaitRecords(ctx context.Context, mesh *localmesh.Mesh) error {
	pod, err := mesh.Pod(ctx, namespace, "app=trail")
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; <-time.After(time.Second) {
		g.client.CloseIdleConnections()
		if _, err := g.served(ctx, header, "shop:"+preview); err != nil {
			return err
		}
		body, err := g.fetch(ctx, "http://"+pod.IP+":9912/records")
		if err != nil {
			return err
		}
		if bytes.Contains(body, []byte(g.pod.Name)) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("gateway %s reports nothing", g.name)
		}
	}
}

// fetch returns a page.
func (g *gateway) fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
