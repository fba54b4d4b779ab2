package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The image's user, which no node knows.
const (
	user      = "65532:65532"
	passwd    = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group     = "root:x:0:\nnonroot:x:65532:\n"
	programAt = "usr/local/bin/overrides"
	// rootsAt is the first path that Go's crypto/x509 reads.
	rootsAt = "etc/ssl/certs/ca-certificates.crt"
)

// baseFiles are the files of the image except the program.
func baseFiles() ([]file, error) {
	roots, err := certificateAuthorities()
	if err != nil {
		return nil, err
	}
	return []file{
		{path: "etc/group", mode: 0o644, content: []byte(group)},
		{path: "etc/passwd", mode: 0o644, content: []byte(passwd)},
		{path: rootsAt, mode: 0o644, content: roots},
	}, nil
}

// certificateAuthorities returns those that Mozilla trusts for TLS, without those that it
// trusts only on conditions, which a file of certificates can't express.
func certificateAuthorities() ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		parsed, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read a certificate authority: %w", err)
		}
		fmt.Fprintf(&b, "# %s\n", parsed.Subject)
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
