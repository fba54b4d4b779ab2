package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/localmesh"
)

// settings are the flags of "up".
type settings struct {
	images map[string]string
	crds   []string
	// revisions are the names of additional istiods.
	revisions []string
	mtls      bool
	port      int
	paths     []string
}

func parseSettings(args []string) (settings, error) {
	s := settings{images: map[string]string{}}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.Func("image", "`REPOSITORY=PROGRAM`: the executable to run for an image; * for all others", func(value string) error {
		repository, program, ok := strings.Cut(value, "=")
		if !ok {
			return errors.New("want REPOSITORY=PROGRAM")
		}
		path, err := filepath.Abs(program)
		s.images[repository] = path
		return err
	})
	flags.Func("crd", "a `file` with CustomResourceDefinitions", func(value string) error {
		path, err := filepath.Abs(value)
		s.crds = append(s.crds, path)
		return err
	})
	flags.Func("revision", "the `name` of a further istiod, for namespaces labelled istio.io/rev=NAME", func(value string) error {
		s.revisions = append(s.revisions, value)
		return nil
	})
	flags.IntVar(&s.port, "port", 0, "the `port` of loopback for requests into the mesh; 0 for a free one")
	flags.BoolVar(&s.mtls, "mtls", false, "let sidecars use mutual TLS")
	err := flags.Parse(args)
	s.paths = flags.Args()
	return s, err
}

func up(ctx context.Context, args []string) (err error) {
	s, err := parseSettings(args)
	if err != nil {
		return err
	}
	manifests, err := readManifests(s.paths)
	if err != nil {
		return err
	}
	began := time.Now()
	mesh, err := localmesh.Start(ctx, localmesh.Options{
		Log: os.Stderr, Images: s.images, CRDs: s.crds, Revisions: s.revisions, MTLS: s.mtls,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	fmt.Fprintf(os.Stderr, "the mesh is ready after %v\n", time.Since(began).Round(100*time.Millisecond))
	if err := mesh.Apply(ctx, manifests...); err != nil {
		return err
	}
	if err := waitAll(ctx, mesh); err != nil {
		return err
	}
	if err := describe(ctx, mesh, s.port); err != nil {
		return err
	}
	return wait(ctx, mesh)
}

// wait waits to be interrupted. It fails if the mesh ends before that.
func wait(ctx context.Context, mesh *localmesh.Mesh) error {
	select {
	case <-ctx.Done():
		return nil
	case <-mesh.Done():
		return mesh.Err()
	}
}

// waitAll waits until everything applied is ready.
func waitAll(ctx context.Context, mesh *localmesh.Mesh) error {
	namespaces, err := mesh.Kubernetes().CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range namespaces.Items {
		if err := mesh.WaitReady(ctx, namespaces.Items[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// describe prints addresses and paths: the kubeconfig on standard output, the rest on
// standard error.
func describe(ctx context.Context, mesh *localmesh.Mesh, port int) error {
	istiod, err := mesh.Forward(ctx, localmesh.Pod{}, localmesh.IstiodDebug)
	if err != nil {
		return err
	}
	entry, err := serveEntry(ctx, mesh, port)
	if err != nil {
		return err
	}
	gateways, err := forwardGateways(ctx, mesh)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, `
logs      %[1]s
istiod    http://%[2]s/debug
requests  curl -x http://APP.NAMESPACE@%[3]s http://SERVICE/
          from inside a Pod labelled app=APP, through its sidecar
%[5]s
export KUBECONFIG=%[4]s

Ctrl-C ends it.
`, filepath.Join(mesh.Dir, "logs"), istiod, entry, mesh.Kubeconfig, gateways)
	fmt.Fprintln(os.Stdout, mesh.Kubeconfig)
	return nil
}

// forwardGateways makes gateways reachable from outside, and returns their addresses.
func forwardGateways(ctx context.Context, mesh *localmesh.Mesh) (string, error) {
	pods, err := mesh.Pods(ctx, "", "")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for i := range pods {
		if !localmesh.Ready(&pods[i]) || !localmesh.IsGateway(&pods[i]) {
			continue
		}
		address, err := mesh.Forward(ctx, localmesh.Pod{}, net.JoinHostPort(pods[i].Status.PodIP, "80"))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "gateway   http://%s (%s/%s, port 80)\n", address, pods[i].Namespace, pods[i].Name)
	}
	return out.String(), nil
}

// readManifests reads files, and the YAML files in folders.
func readManifests(paths []string) ([][]byte, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			yaml := slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(file))
			if err == nil && !entry.IsDir() && (yaml || file == path) {
				files = append(files, file)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	var manifests [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		manifests = append(manifests, data)
	}
	return manifests, nil
}
