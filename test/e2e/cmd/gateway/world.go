package main

import (
	"bytes"
	"context"
	_ "embed" // the gateway
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

//go:embed world.yaml
var world []byte

const (
	namespace = "gateway"
	released  = "released"
	// last is the preview whose rows come after all others.
	last = "zz-last"
)

// routes returns the user's VirtualService for a host: the last route takes what the others
// leave.
func routes(service string, count int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s, namespace: %s}\nspec:\n"+
		"  hosts: [%[1]s.example.com]\n  gateways: [public]\n  http:\n", service, namespace)
	for i := range count {
		match := ""
		if i < count-1 {
			match = fmt.Sprintf("match: [{uri: {prefix: /part-%d/}}], ", i+1)
		}
		fmt.Fprintf(&b, "  - {name: part-%d, %stimeout: 5s, route: [{destination: {host: %s, port: {number: 80}}}]}\n", i+1, match, service)
	}
	return b.String()
}

// serviceFor returns a Service for the pods of shop with some labels.
func serviceFor(name, labels string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s, annotations: {overrides.mesh/released: %s}}\n"+
		"spec: {selector: {%s}, ports: [{name: http, port: 80, targetPort: 8080}]}\n", name, namespace, released, labels)
}

func deployment(version string) string {
	return fmt.Sprintf("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop-%s, namespace: %s}\n"+
		"spec:\n  selector: {matchLabels: {app: shop, version: %[1]s}}\n  template:\n"+
		"    metadata: {labels: {app: shop, version: %[1]s, sidecar.istio.io/inject: \"false\"}}\n"+
		"    spec: {containers: [{name: sample, image: sample, env: [{name: MODE, value: echo}, {name: VERSION, value: %[1]s}]}]}\n", version, namespace)
}

// deployed returns what runs in the cluster: both hosts, and the pods of two versions.
func deployed(count int) []byte {
	return []byte(string(world) + "\n" + routes("shop", count) + routes("plain", count) + serviceFor("shop", "app: shop") +
		serviceFor("plain", "app: shop, version: "+released) + deployment(released) + deployment(last))
}

// made is what overrides generate prints for shop with some previews.
type made struct {
	previews int
	// rules and routes are its objects; companion is that for the gateway.
	rules, routes, companion []byte
	// said are the warnings and errors.
	said string
}

// rows counts the routes of the companion: each has a name.
func (m *made) rows() int { return bytes.Count(m.companion, []byte("\n    name: ")) }

// generate runs the program for shop with some previews, and among them some with these names.
func (s *settings) generate(ctx context.Context, previews int, named ...string) (*made, error) {
	var in strings.Builder
	in.Write(world)
	in.WriteString("\n" + routes("shop", s.rules) + serviceFor("shop", "app: shop") + deployment(released))
	for i := range previews - len(named) {
		in.WriteString(deployment(fmt.Sprintf("pr-%d", i+1)))
	}
	for _, name := range named {
		in.WriteString(deployment(name))
	}
	return s.printed(ctx, previews, in.String())
}

func (s *settings) printed(ctx context.Context, previews int, manifests string) (*made, error) {
	cmd := exec.CommandContext(ctx, s.overrides, "generate", "-f", "-")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(manifests), &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", s.overrides, err)
	}
	m := &made{previews: previews, said: stderr.String()}
	for document := range bytes.SplitSeq(out, []byte("---\n")) {
		if len(document) == 0 {
			continue
		}
		to := &m.routes
		if bytes.Contains(document, []byte("\nkind: DestinationRule\n")) {
			to = &m.rules
		}
		*to = append(append(*to, "---\n"...), document...)
		if bytes.Contains(document, []byte("-gateway-overrides\n")) {
			m.companion = document
		}
	}
	if len(m.rules) == 0 || len(m.companion) == 0 {
		return nil, fmt.Errorf("generate printed no companion for %d previews:\n%s", previews, m.said)
	}
	return m, nil
}
