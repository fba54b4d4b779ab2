package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"
)

// validity of all certificates exceeds the life of a local mesh.
const validity = 7 * 24 * time.Hour

// Identity identifies a workload in the mesh.
type Identity struct {
	Namespace, ServiceAccount string
}

// String is the SPIFFE ID.
func (i Identity) String() string {
	return fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", trustDomain, i.Namespace, i.ServiceAccount)
}

// KeyPair is a certificate and its key, in PEM.
type KeyPair struct {
	Certificate, Key []byte
}

// CA issues certificates to workloads. Several goroutines may use it.
type CA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	root        []byte

	mu     sync.Mutex
	issued map[Identity]KeyPair
}

// NewCA creates a root of trust.
func NewCA() (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{trustDomain}},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign root certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse root certificate: %w", err)
	}
	return &CA{certificate: certificate, key: key, root: encodePEM("CERTIFICATE", der), issued: map[Identity]KeyPair{}}, nil
}

// Root is the certificate that workloads trust, in PEM.
func (c *CA) Root() []byte { return c.root }

// Issue returns the certificate of an identity, always the same.
func (c *CA) Issue(identity Identity) (KeyPair, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pair, ok := c.issued[identity]; ok {
		return pair, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, fmt.Errorf("generate key: %w", err)
	}
	id, err := url.Parse(identity.String())
	if err != nil {
		return KeyPair{}, fmt.Errorf("parse identity: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(c.issued)) + 2),
		URIs:         []*url.URL{id},
		NotBefore:    c.certificate.NotBefore,
		NotAfter:     c.certificate.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, &key.PublicKey, c.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("sign certificate of %s: %w", identity, err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode key of %s: %w", identity, err)
	}
	pair := KeyPair{Certificate: encodePEM("CERTIFICATE", der), Key: encodePEM("EC PRIVATE KEY", private)}
	c.issued[identity] = pair
	return pair, nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
