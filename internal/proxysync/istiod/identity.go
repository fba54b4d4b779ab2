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
	// audience is istiod's.
	audience = "istio-ca"
	// tokenLife is the shortest that Kubernetes grants.
	tokenLife = 10 * time.Minute
	// RootCertificate is the ConfigMap that istiod puts its root certificate into.
	RootCertificate = "istio-ca-root-cert"
	rootKey         = "root-cert.pem"
	// asker is our name as a proxy.
	asker = "overrides-operator-asks"
)

// identity is who asks, and whom to believe.
type identity struct {
	token string
	roots *x509.CertPool
	node  []byte
	until time.Time
}

// identify gets a token and the root certificate.
func (c *Client) identify(ctx context.Context, now time.Time) (*identity, error) {
	if c.who != nil && now.Before(c.who.until) {
		return c.who, nil
	}
	life := int64(tokenLife / time.Second)
	token, err := c.core.ServiceAccounts(c.options.Namespace).CreateToken(ctx, c.options.ServiceAccount, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: &life},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask for a token of %s/%s: %w", c.options.Namespace, c.options.ServiceAccount, err)
	}
	root, err := c.core.ConfigMaps(c.options.Namespace).Get(ctx, RootCertificate, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read istiod's root certificate: %w", err)
	}
	who := &identity{token: token.Status.Token, roots: x509.NewCertPool(), until: now.Add(tokenLife / 2)}
	if !who.roots.AppendCertsFromPEM([]byte(root.Data[rootKey])) {
		return nil, errors.New("read istiod's root certificate: there is none in it")
	}
	if who.node, err = node(asker, c.options.Namespace); err != nil {
		return nil, err
	}
	c.who = who
	return who, nil
}
