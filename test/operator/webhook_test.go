package operator_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// webhook has the installed objects of the readiness gate.
type webhook struct {
	address, namespace, name, configuration string
}

// installWebhook installs the objects of config/install for one namespace, called by URL,
// with unique names, or with those of the file if suffix is empty.
func (s *shop) installWebhook(t *testing.T, suffix string) *webhook {
	t.Helper()
	h := &webhook{address: programtest.FreeAddress(t), namespace: "overrides-system", name: "overrides-webhook"}
	if suffix != "" {
		h.namespace, h.name = s.namespace, s.namespace+"-webhook"
	}
	text, err := os.ReadFile("../../config/install/readiness-gate.yaml")
	check(t, err)
	objects, err := controlplane.Decode(text)
	check(t, err)
	var config registrationv1.MutatingWebhookConfiguration
	for _, o := range objects {
		if o.GetKind() == "MutatingWebhookConfiguration" {
			check(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &config))
		}
	}
	if suffix != "" {
		config.Name = s.namespace + "-readiness-gate"
	}
	h.configuration = config.Name
	_, port, err := net.SplitHostPort(h.address)
	check(t, err)
	url := "https://localhost:" + port + *config.Webhooks[0].ClientConfig.Service.Path
	config.Webhooks[0].ClientConfig = registrationv1.WebhookClientConfig{URL: &url}
	config.Webhooks[0].NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}}
	configurations := s.kube.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err = configurations.Create(t.Context(), &config, metav1.CreateOptions{})
	check(t, err)
	t.Cleanup(func() {
		if err := configurations.Delete(context.WithoutCancel(t.Context()), config.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	_, err = s.kube.CoreV1().Secrets(h.namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: h.name}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
	return h
}

// args are the flags of a program with this webhook.
func (h *webhook) args(s *shop) []string {
	return []string{
		"--kubeconfig", s.kubeconfig, "--namespaces", s.namespace, "--metrics-bind-address", "0", "--health-probe-bind-address", "0",
		"--readiness-gate", "--webhook-bind-address", h.address, "--webhook-namespace", h.namespace, "--webhook-secret", h.name,
		"--webhook-configuration", h.configuration, "--webhook-host", "localhost",
	}
}

// secret is the content of the certificate's Secret.
func (h *webhook) secret(t *testing.T, s *shop) map[string][]byte {
	t.Helper()
	secret, err := s.kube.CoreV1().Secrets(h.namespace).Get(t.Context(), h.name, metav1.GetOptions{})
	check(t, err)
	return secret.Data
}

// replace replaces the content of the Secret.
func (h *webhook) replace(t *testing.T, s *shop, data map[string][]byte) {
	t.Helper()
	eventually(t, "replace the Secret", func(ctx context.Context) string {
		secret, err := s.kube.CoreV1().Secrets(h.namespace).Get(ctx, h.name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		secret.Data = data
		if _, err = s.kube.CoreV1().Secrets(h.namespace).Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
			return err.Error()
		}
		return ""
	})
}

// bundle is the CA that the API server trusts when it calls the webhook.
func (h *webhook) bundle(ctx context.Context, t *testing.T, s *shop) string {
	t.Helper()
	config, err := s.kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, h.configuration, metav1.GetOptions{})
	check(t, err)
	return string(config.Webhooks[0].ClientConfig.CABundle)
}

// endingSoon is data with a certificate of the same authority that expires tomorrow.
func endingSoon(t *testing.T, data map[string][]byte, h *webhook) map[string][]byte {
	t.Helper()
	block, _ := pem.Decode(data["ca.crt"])
	authority, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	block, _ = pem.Decode(data["ca.key"])
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	check(t, err)
	maker := &rotator.CertRotator{
		DNSName: "overrides-webhook." + h.namespace + ".svc", ExtraDNSNames: []string{"localhost"}, ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	now := time.Now()
	certificate, private, err := maker.CreateCertPEM(&rotator.KeyPairArtifacts{Cert: authority, Key: key}, now.Add(-time.Hour), now.Add(24*time.Hour))
	check(t, err)
	return map[string][]byte{"ca.crt": data["ca.crt"], "ca.key": data["ca.key"], "tls.crt": certificate, "tls.key": private}
}

// lifetime is the remaining validity of a certificate.
func lifetime(t *testing.T, text []byte) time.Duration {
	t.Helper()
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	return time.Until(certificate.NotAfter)
}

// preview reads the Pod of v2.
func (s *shop) preview(t *testing.T) *corev1.Pod {
	t.Helper()
	p, err := s.kube.CoreV1().Pods(s.namespace).Get(t.Context(), pod("v2"), metav1.GetOptions{})
	check(t, err)
	return p
}

// dryRun lets the API server admit a pod without storing it, and returns the gates that
// it would have.
func (s *shop) dryRun(t *testing.T, labels map[string]string, gates []corev1.PodReadinessGate) []corev1.PodReadinessGate {
	t.Helper()
	spec := podSpec()
	spec.ReadinessGates = gates
	admitted, err := s.kube.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "dry-", Labels: labels}, Spec: spec,
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	check(t, err)
	return admitted.Spec.ReadinessGates
}

// awaitGates waits until pods that are not released would be created with a gate.
func (s *shop) awaitGates(t *testing.T) {
	t.Helper()
	eventually(t, "the webhook", func(context.Context) string {
		if len(s.dryRun(t, map[string]string{"app": "cart", "version": "probe"}, nil)) == 0 {
			return "pods come without a gate"
		}
		return ""
	})
}

// opens waits until the gate of v2's Pod is open, for a reason.
func (s *shop) opens(t *testing.T, want gate.Reason) {
	t.Helper()
	eventually(t, "the gate of v2", func(context.Context) string {
		for _, c := range s.preview(t).Status.Conditions {
			switch {
			case c.Type != gate.Condition:
			case c.Status != corev1.ConditionTrue || c.Reason != string(want):
				t.Fatalf("the condition is %v, want %s", c, want)
			default:
				return ""
			}
		}
		return "it is shut"
	})
}

// annotate sets an annotation of the Service.
func (s *shop) annotate(t *testing.T, key, value string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
	_, err := s.kube.CoreV1().Services(s.namespace).Patch(t.Context(), "cart", types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
}
