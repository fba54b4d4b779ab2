package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/overrides-mesh/overrides/localmesh/proxy"
)

const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// sds starts a server and connects to it.
func sds(t *testing.T) secretv3.SecretDiscoveryServiceClient {
	t.Helper()
	ca, err := proxy.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	socket := t.TempDir() + "/sds.sock"
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- proxy.ServeSDS(ctx, listener, ca, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return secretv3.NewSecretDiscoveryServiceClient(connection)
}

func nodeOf(t *testing.T, namespace, account string) *corev3.Node {
	t.Helper()
	metadata, err := structpb.NewStruct(map[string]any{"NAMESPACE": namespace, "SERVICE_ACCOUNT": account})
	if err != nil {
		t.Fatal(err)
	}
	return &corev3.Node{Metadata: metadata}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func decode(t *testing.T, resource *anypb.Any) *tlsv3.Secret {
	t.Helper()
	secret := &tlsv3.Secret{}
	if err := resource.UnmarshalTo(secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// verify checks that a key pair has the identity, and is signed by the root.
func verify(t *testing.T, workload, root *tlsv3.Secret, identity string) {
	t.Helper()
	pair, err := tls.X509KeyPair(workload.GetTlsCertificate().CertificateChain.GetInlineBytes(), workload.GetTlsCertificate().PrivateKey.GetInlineBytes())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root.GetValidationContext().TrustedCa.GetInlineBytes())
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if uris := pair.Leaf.URIs; len(uris) != 1 || uris[0].String() != identity {
		t.Errorf("identities %v, want %s", uris, identity)
	}
}

func TestStreamSecrets(t *testing.T) {
	t.Parallel()
	stream, err := sds(t).StreamSecrets(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request *discoveryv3.DiscoveryRequest) {
		t.Helper()
		request.TypeUrl = secretType
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
	}
	receive := func() *discoveryv3.DiscoveryResponse {
		t.Helper()
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	ask(&discoveryv3.DiscoveryRequest{Node: nodeOf(t, "shop", "reviews"), ResourceNames: []string{"default"}})
	first := receive()
	// An acknowledgement and a rejection get no answer; the next new name does.
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"default"}, VersionInfo: first.VersionInfo, ResponseNonce: first.Nonce})
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"default"}, ErrorDetail: &status.Status{Message: "no"}})
	ask(&discoveryv3.DiscoveryRequest{ResourceNames: []string{"default", "ROOTCA"}})
	second := receive()
	if len(first.Resources) != 1 || len(second.Resources) != 2 || first.Nonce == second.Nonce {
		t.Fatalf("%d, then %d secrets; nonces %s, %s", len(first.Resources), len(second.Resources), first.Nonce, second.Nonce)
	}
	verify(t, decode(t, first.Resources[0]), decode(t, second.Resources[1]), "spiffe://cluster.local/ns/shop/sa/reviews")
	if string(first.Resources[0].Value) != string(second.Resources[0].Value) {
		t.Error("one identity got two certificates")
	}
}

func TestDeltaSecrets(t *testing.T) {
	t.Parallel()
	stream, err := sds(t).DeltaSecrets(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: nodeOf(t, "shop", ""), TypeUrl: secretType, ResourceNamesSubscribe: []string{"default", "ROOTCA"},
	}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Resources) != 2 || response.Resources[0].Name != "default" {
		t.Fatalf("%v", response.Resources)
	}
	verify(t, decode(t, response.Resources[0].Resource), decode(t, response.Resources[1].Resource), "spiffe://cluster.local/ns/shop/sa/default")
}

// TestFileCertificate: a server of a Gateway gets the files that it names.
func TestFileCertificate(t *testing.T) {
	t.Parallel()
	stream, err := sds(t).StreamSecrets(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	request := &discoveryv3.DiscoveryRequest{Node: nodeOf(t, "shop", ""), ResourceNames: []string{"file-cert:/tls/tls.crt~/tls/tls.key"}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil || len(response.Resources) != 1 {
		t.Fatalf("%v %v", response, err)
	}
	secret := decode(t, response.Resources[0])
	pair := secret.GetTlsCertificate()
	if secret.Name != request.ResourceNames[0] || pair.CertificateChain.GetFilename() != "/tls/tls.crt" || pair.PrivateKey.GetFilename() != "/tls/tls.key" {
		t.Errorf("%v", secret)
	}
}

func TestSecretsErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, namespace, secret string
		want                    codes.Code
	}{
		{"no such secret", "shop", "other", codes.NotFound},
		{"no such file", "shop", "file-cert:/tls/tls.crt", codes.NotFound},
		{"nobody", "", "default", codes.InvalidArgument},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stream, err := sds(t).StreamSecrets(deadline(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: nodeOf(t, test.namespace, ""), ResourceNames: []string{test.secret}}); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); grpcstatus.Code(err) != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}
