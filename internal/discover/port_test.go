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
		// want is "http", "detected", or "" for neither.
		want string
	}{
		"named http":                    {corev1.ServicePort{Name: "http", Port: 80}, "http"},
		"named http-x":                  {corev1.ServicePort{Name: "http-web", Port: 80}, "http"},
		"named HTTP2":                   {corev1.ServicePort{Name: "HTTP2-x", Port: 80}, "http"},
		"named grpc":                    {corev1.ServicePort{Name: "grpc", Port: 80}, "http"},
		"named grpc-web without dash":   {corev1.ServicePort{Name: "grpc-webx", Port: 80}, "http"},
		"named https":                   {corev1.ServicePort{Name: "https", Port: 443}, ""},
		"named tcp":                     {corev1.ServicePort{Name: "tcp-redis", Port: 6379}, ""},
		"named mysql":                   {corev1.ServicePort{Name: "mysql", Port: 1}, ""},
		"unnamed is detected":           {corev1.ServicePort{Port: 8080}, "detected"},
		"httpx is no protocol":          {corev1.ServicePort{Name: "httpx", Port: 8080}, "detected"},
		"a well-known port is not":      {corev1.ServicePort{Name: "db", Port: 3306}, ""},
		"http on a well-known port":     {corev1.ServicePort{Name: "http", Port: 3306}, "http"},
		"UDP":                           {corev1.ServicePort{Name: "http", Port: 80, Protocol: corev1.ProtocolUDP}, ""},
		"appProtocol beats the name":    {corev1.ServicePort{Name: "http", Port: 80, AppProtocol: app("tcp")}, ""},
		"appProtocol grpc":              {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("grpc")}, "http"},
		"appProtocol h2c of Kubernetes": {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("kubernetes.io/h2c")}, "http"},
		"appProtocol wss of Kubernetes": {corev1.ServicePort{Name: "http", Port: 80, AppProtocol: app("kubernetes.io/wss")}, ""},
		"appProtocol empty":             {corev1.ServicePort{Name: "tcp", Port: 80, AppProtocol: app("")}, "detected"},
	} {
		got := ""
		switch http, detected := carriesHTTP(&test.port); {
		case http && detected:
			got = "detected"
		case http:
			got = "http"
		case detected:
			got = "detected, and no HTTP"
		}
		if got != test.want {
			t.Errorf("%s: carries %q, want %q", name, got, test.want)
		}
	}
}
