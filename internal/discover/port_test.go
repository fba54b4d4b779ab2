package discover

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestCarriesHTTP(t *testing.T) {
	t.Parallel()
	app := func(s string) *string { return &s }
	for name, test := range map[string]struct {
		port corev1.ServicePort
		want bool
	}{
		"named http":                    {corev1.ServicePort{Name: "http", Port: 80}, true},
		"named http-x":                  {corev1.ServicePort{Name: "http-web", Port: 80}, true},
		"named HTTP2":                   {corev1.ServicePort{Name: "HTTP2-x", Port: 80}, true},
		"named grpc":                    {corev1.ServicePort{Name: "grpc", Port: 80}, true},
		"named grpc-web without dash":   {corev1.ServicePort{Name: "grpc-webx", Port: 80}, true},
		"named https":                   {corev1.ServicePort{Name: "https", Port: 443}, false},
		"named tcp":                     {corev1.ServicePort{Name: "tcp-redis", Port: 6379}, false},
		"named mysql":                   {corev1.ServicePort{Name: "mysql", Port: 1}, false},
		"unnamed is detected":           {corev1.ServicePort{Port: 8080}, true},
		"httpx is no protocol":          {corev1.ServicePort{Name: "httpx", Port: 8080}, true},
		"a well-known port is not":      {corev1.ServicePort{Name: "db", Port: 3306}, false},
		"http on a well-known port":     {corev1.ServicePort{Name: "http", Port: 3306}, true},
		"UDP":                           {corev1.ServicePort{Name: "http", Port: 80, Protocol: corev1.ProtocolUDP}, false},
		"appProtocol beats the name":    {corev1.ServicePort{Name: "http", Port: 80, AppProtocol: app("tcp")}, false},
		"appProtocol grpc":              {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("grpc")}, true},
		"appProtocol h2c of Kubernetes": {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("kubernetes.io/h2c")}, true},
		"appProtocol wss of Kubernetes": {corev1.ServicePort{Name: "http", Port: 80, AppProtocol: app("kubernetes.io/wss")}, false},
		"appProtocol empty":             {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("")}, true},
	} {
		if got := carriesHTTP(&test.port); got != test.want {
			t.Errorf("%s: carries HTTP: %v, want %v", name, got, test.want)
		}
	}
}
