//go:build !istio_1_30

package oracle

// proxyVersion is the version of Istio that proxies report.
const proxyVersion = "1.31.0"
