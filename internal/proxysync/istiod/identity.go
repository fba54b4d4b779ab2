package istiod

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// audience is the audience of tokens that istiod accepts.
	audience = "istio-ca"
	// tokenLife is the shortest lifetime that Kubernetes grants.
	tokenLife = 10 * time.Minute
	// RootCertificate is the ConfigMap with istiod's root certificate.
	RootCertificate = "istio-ca-root-cert"
	rootKey         = "root-cert.pem"
	// nodeName is the name of this client as a proxy.
	nodeName = "overrides-operator-asks"
)

// identity has the token to authenticate with, and the roots to trust.
type identity struct {
	token string
	roots *x509.CertPool
	node  []byte
	until time.Time
}

// identify returns the identity, renewed if half of the token's lifetime is over.
func (c *Client) identify(ctx context.Context, now time.Time) (*identity, error) {
	if c.identity != nil && now.Before(c.identity.until) {
		return c.identity, nil
	}
	life := int64(tokenLife / time.Second)
	token, err := c.core.ServiceAccounts(c.options.Namespace).CreateToken(ctx, c.options.ServiceAccount, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: &life},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("request token of %s/%s: %w", c.options.Namespace, c.options.ServiceAccount, err)
	}
	root, err := c.core.ConfigMaps(c.options.Namespace).Get(ctx, RootCertificate, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read istiod's root certificate: %w", err)
	}
	id := &identity{token: token.Status.Token, roots: x509.NewCertPool(), until: now.Add(tokenLife / 2)}
	if !id.roots.AppendCertsFromPEM([]byte(root.Data[rootKey])) {
		return nil, errors.New("read istiod's root certificate: no certificate in the ConfigMap")
	}
	if id.node, err = node(nodeName, c.options.Namespace); err != nil {
		return nil, err
	}
	c.identity = id
	return id, nil
}
