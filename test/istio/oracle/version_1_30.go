//go:build istio_1_30

package oracle

// proxyVersion is the version of Istio that proxies say they are of.
const proxyVersion = "1.30.0"
