package controlplane_test

import (
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	server := controlPlane(t)
	client, err := discovery.NewDiscoveryClientForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.GitVersion != program.KubernetesVersion {
		t.Errorf("the server is %s, want %s", version.GitVersion, program.KubernetesVersion)
	}
}

// TestInstallCRDs creates objects of the installed kinds, and checks that their schemas
// reject invalid ones.
func TestInstallCRDs(t *testing.T) {
	t.Parallel()
	server := controlPlane(t)
	client, err := dynamic.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"})
	for _, test := range []struct{ name, file, refused string }{
		{name: "accepted", file: "testdata/virtualservice.yaml"},
		{name: "refused", file: "testdata/virtualservice-two-matchers.yaml", refused: "oneOf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(test.file)
			if err != nil {
				t.Fatal(err)
			}
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(data, &object.Object); err != nil {
				t.Fatal(err)
			}
			_, err = resource.Namespace("default").Create(t.Context(), object, metav1.CreateOptions{})
			if (err != nil) != (test.refused != "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Errorf("create: %v, want %q", err, test.refused)
			}
		})
	}
}

// TestStop checks that nothing is left of a stopped control plane.
func TestStop(t *testing.T) {
	t.Parallel()
	programtest.Cluster.Need(t, program.Kubernetes())
	server, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(server.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address.Host); err == nil {
		t.Errorf("something still listens on %s: %v", address.Host, connection.Close())
	}
	if _, err := os.Stat(server.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", server.Dir, err)
	}
}

// TestStartFails expects the server's own message if it can't start.
func TestStartFails(t *testing.T) {
	t.Parallel()
	programtest.Cluster.Need(t, program.Kubernetes())
	_, err := controlplane.Start(t.Context(), controlplane.Options{Flags: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
		t.Errorf("start: %v", err)
	}
}
