package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	statusv3 "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	// rootName is the name of the root certificate in Istio's configuration.
	rootName = "ROOTCA"
	// workloadName is the name of the proxy's own certificate.
	workloadName = "default"
	// version is the version of all secrets: they don't change.
	version = "1"
)

// ServeSDS serves certificates and the root to proxies until ctx ends, and then closes
// the listener. It reads a proxy's identity from its node metadata. Log receives
// rejections by proxies, if it is not nil.
func ServeSDS(ctx context.Context, listener net.Listener, ca *CA, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	server := grpc.NewServer()
	secretv3.RegisterSecretDiscoveryServiceServer(server, &secrets{ca: ca, log: log})
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve SDS: %w", err)
	}
	return nil
}

// secrets is the service. A stream's first message has the proxy's identity.
type secrets struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	ca  *CA
	log *slog.Logger
}

// StreamSecrets serves the form of the protocol in which each request lists all
// resources. A response has all of them, and is sent when their names change.
func (s *secrets) StreamSecrets(stream secretv3.SecretDiscoveryService_StreamSecretsServer) error {
	var identity Identity
	sent := map[string]bool{}
	for nonce := 1; ; nonce++ {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if request.Node != nil {
			identity = identify(request.Node)
		}
		s.logRefusal(identity, request.ErrorDetail)
		if !renew(sent, request.ResourceNames) {
			continue
		}
		response := &discoveryv3.DiscoveryResponse{TypeUrl: request.TypeUrl, VersionInfo: version, Nonce: fmt.Sprint(nonce)}
		for _, name := range request.ResourceNames {
			secret, err := s.secret(identity, name)
			if err != nil {
				return err
			}
			response.Resources = append(response.Resources, secret)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// renew replaces the set sent by names, and reports whether there are new ones.
func renew(sent map[string]bool, names []string) bool {
	added := false
	next := map[string]bool{}
	for _, name := range names {
		next[name] = true
		added = added || !sent[name]
	}
	clear(sent)
	for name := range next {
		sent[name] = true
	}
	return added
}

// DeltaSecrets serves the protocol's other form, in which a request lists only new
// resources.
func (s *secrets) DeltaSecrets(stream secretv3.SecretDiscoveryService_DeltaSecretsServer) error {
	var identity Identity
	for nonce := 1; ; nonce++ {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if request.Node != nil {
			identity = identify(request.Node)
		}
		s.logRefusal(identity, request.ErrorDetail)
		if len(request.ResourceNamesSubscribe) == 0 {
			continue
		}
		response := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: request.TypeUrl, SystemVersionInfo: version, Nonce: fmt.Sprint(nonce)}
		for _, name := range request.ResourceNamesSubscribe {
			secret, err := s.secret(identity, name)
			if err != nil {
				return err
			}
			response.Resources = append(response.Resources, &discoveryv3.Resource{Name: name, Version: version, Resource: secret})
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func (s *secrets) logRefusal(identity Identity, detail *statusv3.Status) {
	if detail != nil {
		s.log.Warn("a proxy refused its secrets", "identity", identity.String(), "message", detail.Message)
	}
}

// identify returns the identity that a proxy states.
func identify(node *corev3.Node) Identity {
	fields := node.GetMetadata().GetFields()
	return Identity{
		Namespace:      fields["NAMESPACE"].GetStringValue(),
		ServiceAccount: cmp.Or(fields["SERVICE_ACCOUNT"].GetStringValue(), "default"),
	}
}

func (s *secrets) secret(identity Identity, name string) (*anypb.Any, error) {
	secret := &tlsv3.Secret{Name: name}
	switch name {
	case rootName:
		secret.Type = &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline(s.ca.Root())}}
	case workloadName:
		if identity.Namespace == "" {
			return nil, status.Error(codes.InvalidArgument, "the node metadata has no NAMESPACE")
		}
		pair, err := s.ca.Issue(identity)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		secret.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(pair.Certificate), PrivateKey: inline(pair.Key),
		}}
	default:
		pair, found := fileCertificate(name)
		if !found {
			return nil, status.Errorf(codes.NotFound, "there is no secret %q", name)
		}
		secret.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: pair}
	}
	encoded, err := anypb.New(secret)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return encoded, nil
}

// fileCertificate returns the certificate of a Gateway's server that names files of its pod.
// Istio's name for it is file-cert:CERTIFICATE~KEY (security.SdsCertificateConfig). A pod here
// has the files of the machine, and its Envoy reads them.
func fileCertificate(name string) (*tlsv3.TlsCertificate, bool) {
	files, isFile := strings.CutPrefix(name, "file-cert:")
	certificate, key, isPair := strings.Cut(files, "~")
	return &tlsv3.TlsCertificate{CertificateChain: file(certificate), PrivateKey: file(key)}, isFile && isPair
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
}
