package underload_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/machine"
	"github.com/overrides-mesh/overrides/test/install/release"
)

// image is the script that runs instead of the chart's image. Pods of the local mesh have
// no token, so it waits for a kubeconfig with one.
const image = `#!/bin/sh
until [ -e '%[1]s'/"$1".kubeconfig ]; do sleep 0.1; done
exec env KUBECONFIG='%[1]s'/"$1".kubeconfig '%[1]s'/overrides "$@"
`

func writeImage(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "image")
	if err := os.WriteFile(path, fmt.Appendf(nil, image, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// giveTokens creates a kubeconfig for each service account of the chart as soon as the
// account exists. It ends with the test.
func giveTokens(t *testing.T, mesh *localmesh.Mesh, dir string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	commands := []string{"operator", "cleanup"}
	for _, command := range commands {
		go func() {
			done <- giveToken(ctx, mesh, release.Name+"-"+command, filepath.Join(dir, command+".kubeconfig"))
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range commands {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// giveToken waits for a service account, and writes a kubeconfig for it.
func giveToken(ctx context.Context, mesh *localmesh.Mesh, account, path string) error {
	accounts := mesh.Kubernetes().CoreV1().ServiceAccounts(release.Namespace)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		token, err := accounts.CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err == nil {
			return writeKubeconfig(mesh.Config, token.Status.Token, path)
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("get a token for %s: %w", account, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the account %s has never been there", account)
		case <-ticker.C:
		}
	}
}

// writeKubeconfig writes a kubeconfig that is valid in pods.
func writeKubeconfig(admin *rest.Config, token, path string) error {
	address, err := url.Parse(admin.Host)
	if err != nil {
		return fmt.Errorf("read the address of the API server: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["here"] = &clientcmdapi.Cluster{
		Server: "https://" + machine.NodeAddress + ":" + address.Port(), CertificateAuthorityData: admin.CAData, CertificateAuthority: admin.CAFile,
	}
	config.AuthInfos["account"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "here", AuthInfo: "account", Namespace: release.Namespace}
	config.CurrentContext = "here"
	// Readers see the whole file, or none.
	if err := clientcmd.WriteToFile(*config, path+".new"); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}
