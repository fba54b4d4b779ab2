package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed" // the manifests
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

var (
	//go:embed world.yaml
	world []byte
	//go:embed gateway.yaml
	gatewayManifest []byte
	//go:embed deployment.yaml
	deploymentManifest []byte
)

const (
	namespace, host   = "token", "shop.example.com"
	released, preview = "released", "pr-1"
	guarded           = "guarded"
)

// gateways are the names of the gateways.
var gateways = []string{"open", "control", guarded}

// deployed is what runs in the cluster.
func deployed() []byte {
	out := bytes.Clone(world)
	add := func(manifest []byte, name, value string) {
		out = append(append(out, "\n---\n"...), bytes.ReplaceAll(manifest, []byte(name), []byte(value))...)
	}
	for _, gateway := range gateways {
		add(gatewayManifest, "GATEWAY", gateway)
	}
	for _, version := range []string{released, preview} {
		add(deploymentManifest, "TAG", version)
	}
	return out
}

// signer makes tokens.
type signer struct {
	key  *token.Key
	made int
}

func newSigner() (*signer, error) {
	key, err := token.NewKey(token.Algorithms[0], rand.Reader)
	return &signer{key: key}, err
}

// sign makes a token for the preview that was valid from a time on, for an hour.
func (s *signer) sign(from time.Time) (string, error) {
	s.made++
	members, err := grammar.Parse("shop:" + preview)
	if err != nil {
		return "", err
	}
	text, _, err := token.Mint(s.key, &token.Request{
		Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, Subject: "ada", ID: strconv.Itoa(s.made), Members: members,
	}, &token.Limits{}, from)
	return text, err
}

// filter returns the objects with which the guarded gateway follows tokens.
func (s *settings) filter(ctx context.Context, dir string, k *signer) ([]byte, error) {
	keys, err := json.Marshal(token.Public(k.key))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		return nil, err
	}
	return s.printed(ctx, "edge", guarded, "-n", namespace, "--header", "Token", "--token-jwks", path, "--token-cookie", "preview")
}

// printed returns what the program prints for the cluster's manifests.
func (s *settings) printed(ctx context.Context, args ...string) ([]byte, error) {
	return s.run(ctx, append(args, "-q", "-f", "-")...)
}

// run returns what the program prints, given the cluster's manifests.
func (s *settings) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.overrides, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(deployed()), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s %s: %w\n%s", s.overrides, strings.Join(args, " "), err, &stderr)
	}
	return out, nil
}
