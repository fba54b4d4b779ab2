package istiod_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

const rootNamespace = "istio-system"

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"cluster.local"}}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func (a *authority) root() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// fake is an istiod over real HTTP/2 and TLS. Its answer is a function of the question.
type fake struct {
	answer func(w http.ResponseWriter, question string) bool
	// routes answers requests for routes.
	routes func(w http.ResponseWriter, r *discoveryRequest)

	mu sync.Mutex
	// nodes has the node IDs of clients, tokens their Authorization headers.
	nodes, tokens []string
}

func (f *fake) start(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	server := httptest.NewUnstartedServer(f)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://")
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.note(&f.tokens, r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/grpc")
	for {
		asked, err := readRequest(r.Body)
		if err != nil {
			return
		}
		if asked.node != "" {
			f.note(&f.nodes, asked.node)
		}
		if asked.kind == routeType {
			f.routes(w, asked)
		} else if len(asked.names) != 1 || !f.answer(w, asked.names[0]) {
			return
		}
		w.(http.Flusher).Flush()
	}
}

func (f *fake) note(list *[]string, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, text)
}

// list returns a copy of a list.
func (f *fake) list(list *[]string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(*list)
}

// discoveryRequest is a decoded DiscoveryRequest.
type discoveryRequest struct {
	node, kind, version, nonce string
	names                      []string
}

// readRequest reads one DiscoveryRequest.
func readRequest(from io.Reader) (*discoveryRequest, error) {
	var header [5]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	data := make([]byte, binary.BigEndian.Uint32(header[1:]))
	if _, err := io.ReadFull(from, data); err != nil {
		return nil, err
	}
	var r discoveryv3.DiscoveryRequest
	if err := proto.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	return &discoveryRequest{r.GetNode().GetId(), r.GetTypeUrl(), r.GetVersionInfo(), r.GetResponseNonce(), r.GetResourceNames()}, nil
}

// push writes a DiscoveryResponse with route configurations.
func push(w io.Writer, nonce string, configurations ...*routev3.RouteConfiguration) {
	r := &discoveryv3.DiscoveryResponse{VersionInfo: "of " + nonce, TypeUrl: routeType, Nonce: nonce}
	for _, c := range configurations {
		resource, err := anypb.New(c)
		if err != nil {
			panic(err)
		}
		r.Resources = append(r.Resources, resource)
	}
	data, err := proto.Marshal(r)
	if err != nil {
		panic(err)
	}
	frame(w, data)
}

// frame writes a message as gRPC does.
func frame(w io.Writer, data []byte) {
	header := make([]byte, 5)
	binary.BigEndian.PutUint32(header[1:], uint32(len(data)))
	_, _ = w.Write(append(header, data...))
}

// say writes a DiscoveryResponse with one resource.
func say(w io.Writer, text string) {
	anything := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "istio.io/debug")
	anything = protowire.AppendString(protowire.AppendTag(anything, 2, protowire.BytesType), text)
	data := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "a version")
	data = protowire.AppendBytes(protowire.AppendTag(data, 2, protowire.BytesType), anything)
	frame(w, data)
}

// kubernetes is a fake API server.
type kubernetes struct {
	root string
	// addresses are the endpoints of istiod; refuse forbids tokens.
	addresses []string
	refuse    bool
	tokens    int
}

func (k *kubernetes) client(t *testing.T, options istiod.Options) *istiod.Client {
	t.Helper()
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	options.Namespace, options.ServiceAccount = rootNamespace, "reader"
	client, err := istiod.New(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (k *kubernetes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var out any
	switch r.Method + " " + r.URL.Path {
	case "POST /api/v1/namespaces/istio-system/serviceaccounts/reader/token":
		k.tokens++
		if k.refuse {
			w.WriteHeader(http.StatusForbidden)
			out = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"}
			break
		}
		var in struct {
			Spec struct{ Audiences []string }
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		out = map[string]any{"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": map[string]any{"token": "for " + strings.Join(in.Spec.Audiences, ",")}}
	case "GET /api/v1/namespaces/istio-system/configmaps/istio-ca-root-cert":
		out = map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "data": map[string]string{"root-cert.pem": k.root}}
	case "GET /apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices":
		out = k.slices(r.URL.Query().Get("labelSelector"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (k *kubernetes) slices(selector string) any {
	var items []any
	for i, address := range k.addresses {
		host, port, _ := strings.Cut(address, ":")
		var number int
		_, _ = fmt.Sscan(port, &number)
		items = append(items, map[string]any{
			"metadata":  map[string]any{"name": fmt.Sprint("istiod-", i), "namespace": rootNamespace, "labels": map[string]string{"kubernetes.io/service-name": "istiod"}},
			"ports":     []any{map[string]any{"name": "http-monitoring", "port": 1}, map[string]any{"name": "https-dns", "port": number}},
			"endpoints": []any{map[string]any{"addresses": []string{host}, "conditions": map[string]bool{"ready": i == 0}}},
		})
	}
	if selector != "app=istiod" {
		items = nil
	}
	return map[string]any{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": items}
}

// bounded returns a context with a timeout, so that a failure does not hang.
func bounded(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
