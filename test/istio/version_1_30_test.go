//go:build istio_1_30

package istio_test

// before131 is set where istiod is older than 1.31. See newer.
const before131 = true
