package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh/machine"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	grantLife = "grant-life"
	// officeImage is the operator in a pod, which serves the keys.
	officeImage = "grant-office"
)

// writeOffice writes the program of that pod. It waits for a kubeconfig: pods of the local mesh
// have no token.
func writeOffice(t *testing.T) {
	t.Helper()
	config := filepath.Join(shared.dir, officeImage+".kubeconfig")
	script := fmt.Sprintf("#!/bin/sh\nuntil [ -e '%s' ]; do sleep 0.1; done\n"+
		"exec '%s' operator --kubeconfig '%[1]s' --namespaces %[3]s --gateway-policies --grants --grants-namespace %[3]s --grants-bind-address :8082 "+
		"--grants-publish-before 10s --metrics-bind-address 0 --health-probe-bind-address 0\n", config, shared.programs.Overrides, grantLife)
	if err := os.WriteFile(filepath.Join(shared.dir, officeImage), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestGrantLife: an operator in the mesh answers grants, and a gateway takes the keys from it. The
// tokens of grants are followed, also while the keys change and when the operator is away, until
// their grant is deleted or they expire. Ordinary requests beside are not affected by any of it.
func TestGrantLife(t *testing.T) {
	t.Parallel()
	e := &grantFront{edgeFront: openEdgeIn(t, grantLife), namespace: grantLife}
	e.openOffice(t)
	lasting := e.obtain(t, "lasting", "1h")
	e.awaitAnswer(t, lasting, granted)
	beside := load.Start(
		t.Context(),
		e.source("ordinary", refused, http.Header{}),
		e.source("no token", refused, http.Header{"X-Override": {"web:v2"}}),
		e.source("token", granted, http.Header{"X-Override-Token": {lasting}}),
	)

	first := e.keyOf(t, "lasting")
	if _, err := e.mesh.Kubernetes().CoreV1().Secrets(grantLife).Patch(t.Context(), "overrides-signing-keys", types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"overrides.mesh/rotate":"now"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	var renewed string
	n := 0
	programtest.Eventually(t, time.Minute, time.Second, "a token by the next key", func(context.Context) string {
		name := fmt.Sprintf("renewed-%d", n)
		n++
		text := e.obtain(t, name, "1h")
		if key := e.keyOf(t, name); key == first {
			return key + " still signs"
		}
		renewed = text
		return ""
	})
	e.awaitAnswer(t, renewed, granted)
	e.awaitAnswer(t, lasting, granted)

	revoked := e.obtain(t, "revoked", "1h")
	e.awaitAnswer(t, revoked, granted)
	e.request(t, http.MethodDelete, "revoked", "", "")
	e.awaitAnswer(t, revoked, refused)

	short := e.obtain(t, "short", "5s")
	e.awaitAnswer(t, short, granted)
	e.awayFromOffice(t)
	e.awaitAnswer(t, lasting, granted)
	// The grant has ended for nobody but the proxies, which accept tokens for another minute.
	programtest.Eventually(t, 3*time.Minute, time.Second, "an expired token", func(context.Context) string {
		if got := e.answers(t, short); len(got) != 1 || !strings.HasPrefix(got[0], "web:v1 ") {
			return fmt.Sprintf("%q", got)
		}
		return ""
	})
	e.awaitAnswer(t, lasting, granted)
	for _, c := range beside.Stop() {
		if t.Log(c.String()); !c.OK() {
			t.Errorf("%s", c.String())
		}
	}
}

// openOffice runs the operator in the mesh, and has the gateway follow its tokens.
func (e *grantFront) openOffice(t *testing.T) {
	t.Helper()
	inside, err := url.Parse(e.mesh.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(e.mesh.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + machine.NodeAddress + ":" + inside.Port()
	}
	path := filepath.Join(shared.dir, officeImage+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	e.apply(t, "testdata/grant-office.yaml", "")
}

// awayFromOffice ends the operator.
func (e *grantFront) awayFromOffice(t *testing.T) {
	t.Helper()
	if _, err := e.mesh.Kubernetes().AppsV1().Deployments(grantLife).Patch(t.Context(), officeImage, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, "the operator is away", func() bool {
		pods, err := e.mesh.Kubernetes().CoreV1().Pods(grantLife).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + officeImage})
		return err == nil && len(pods.Items) == 0
	})
}

// obtain makes a grant, and returns its token.
func (e *grantFront) obtain(t *testing.T, name, ttl string) string {
	t.Helper()
	e.request(t, http.MethodPost, "", "", fmt.Sprintf(
		`{"apiVersion":"overrides.mesh/v1alpha1","kind":"OverrideGrant","metadata":{"name":%q},"spec":{"overrides":"web:v2","ttl":%q,"requester":{"username":"ada"}}}`, name, ttl))
	var text string
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, "a token", func(ctx context.Context) string {
		secret, err := e.mesh.Kubernetes().CoreV1().Secrets(grantLife).Get(ctx, e.read(t, name).Status.SecretName, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		text = string(secret.Data["token"])
		return ""
	})
	return text
}

// keyOf returns the key that has signed the token of a grant.
func (e *grantFront) keyOf(t *testing.T, name string) string {
	t.Helper()
	var key string
	await(t, "the status of "+name, func() bool {
		key = e.read(t, name).Status.KeyID
		return key != ""
	})
	return key
}
