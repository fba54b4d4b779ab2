package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/browser"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

const (
	browserShop = "browser-shop"
	// pageImage is the image of test/e2e/cmd/page.
	pageImage = "page"
	loginHost = "login.example.com"
)

// TestBrowser walks through the shop as a person does who got the link of a preview: with real
// browsers, through a real gateway with TLS, by the cookie at the shop's own host, with a login
// by OAuth, and by the preview's own host. $OVERRIDES_PICTURES is a folder for pictures of what
// Chromium shows.
func TestBrowser(t *testing.T) {
	var missing []string
	for _, kind := range browser.Kinds {
		if err := kind.Installed(); err != nil {
			missing = append(missing, err.Error())
		}
	}
	if len(missing) == len(browser.Kinds) {
		t.Skip(strings.Join(missing, "; "))
	}
	proxy := openPages(t, browserShop).proxy(t)
	for _, kind := range browser.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			if err := kind.Installed(); err != nil {
				t.Skip(err)
			}
			b, err := browser.Start(t.Context(), kind, t.TempDir(), proxy)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			w := &walk{Browser: b, pictures: os.Getenv("OVERRIDES_PICTURES")}
			if kind != browser.Chromium {
				w.pictures = ""
			}
			w.cookie(t)
			w.login(t)
			w.back(t)
			w.host(t)
		})
	}
}

// openPages deploys the shop with pages for people, an OAuth server, previews of both
// services, and an entry for a cookie, links and preview hosts.
func openPages(t *testing.T, namespace string) *shop {
	t.Helper()
	m := mesh(t)
	if err := programtest.Build(t.Context(), "..", shared.dir, "./e2e/cmd/page"); err != nil {
		t.Fatal(err)
	}
	s := openShop(t, m, namespace, "image: web", "image: "+pageImage, "      hosts: [", "      hosts: [login.example.com, ")
	s.apply(t, "testdata/login.yaml", "")
	operate(t, m, s.namespace)
	for service, image := range map[string]string{"web": pageImage, "cart": "cart"} {
		s.applies(t, "preview", service, "-n", s.namespace, "--image", image, "--name", "pr-118")
	}
	// The gateway has its certificates in files, instead of Secrets.
	var err error
	s.previews, err = stage.NewCertificate(t.TempDir(), "*."+previewDomain)
	if err != nil {
		t.Fatal(err)
	}
	printed := string(s.printed(t, "edge", "public", "-n", s.namespace, "--cookie", "x-override", "--link",
		"--preview-host", "*."+previewDomain+"="+shopHost, "--with-hosts", "--credential-name", "previews"))
	files := fmt.Sprintf("serverCertificate: %s\n      privateKey: %s", s.previews.Chain, s.previews.Key)
	if err := m.Apply(t.Context(), []byte(strings.ReplaceAll(printed, "credentialName: previews", files))); err != nil {
		t.Fatal(err)
	}
	s.waitReady(t)
	visitor := s.visitor(t)
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, "the link", func(ctx context.Context) string {
		got, err := s.visit(ctx, visitor, "/?x-override=pr-118")
		if err != nil || !strings.Contains(got, `<td id="front">pr-118`) || !strings.Contains(got, `<td id="cart">pr-118`) {
			return fmt.Sprint(got, err)
		}
		return ""
	})
	return s
}

// proxy starts an HTTP proxy for browsers, and returns its address: it connects to the gateway,
// whatever the host, as if a name server said so.
func (s *shop) proxy(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, port, _ := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || port != "443" || !strings.HasSuffix(host, ".example.com") {
			http.Error(w, "the browser asks for another host", http.StatusForbidden)
			return
		}
		far, err := s.mesh.Dial(r.Context(), localmesh.Pod{}, net.JoinHostPort(s.gateways[0], "443"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		go func() {
			_, _ = io.Copy(far, buffered)
			_ = far.Close()
		}()
		_, _ = io.Copy(near, far)
	}))
	t.Cleanup(server.CloseClientConnections)
	return server.Listener.Addr().String()
}

// walk is a person's walk through the shop.
type walk struct {
	*browser.Browser
	// pictures is the folder for pictures; empty for none.
	pictures string
}

// shows waits until the browser shows a page: its address, and who serves it and for whom.
func (w *walk) shows(t *testing.T, url, version, user, picture string) {
	t.Helper()
	want := fmt.Sprintf("%s: front end %s, cart %s, %s", url, version, version, user)
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "the page", func(ctx context.Context) string {
		got, err := w.Text(ctx, "(() => { const of = id => document.getElementById(id)?.innerText; "+
			"return `${location.href}: front end ${of('front')}, cart ${of('cart')}, ${of('user')}` })()")
		if err != nil || got != want {
			return fmt.Sprintf("%s %v, want %s", got, err, want)
		}
		return ""
	})
	if w.pictures == "" || picture == "" {
		return
	}
	png, err := w.Picture(t.Context())
	if err == nil {
		err = os.WriteFile(filepath.Join(w.pictures, picture+".png"), png, 0o644) //nolint:gosec // a picture for everybody
	}
	if err != nil {
		t.Error(err)
	}
}

func (w *walk) opens(t *testing.T, url string) {
	t.Helper()
	if err := w.Go(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func (w *walk) clicks(t *testing.T, selector string) {
	t.Helper()
	if err := w.Click(t.Context(), selector); err != nil {
		t.Fatal(err)
	}
}

// cookie opens the link.
func (w *walk) cookie(t *testing.T) {
	t.Helper()
	w.opens(t, "https://"+shopHost+"/")
	w.shows(t, "https://"+shopHost+"/", "v1", "nobody", "browser-released")
	w.opens(t, "https://"+shopHost+"/orders?a=1&x-override=pr-118")
	w.shows(t, "https://"+shopHost+"/orders?a=1", "pr-118", "nobody", "browser-preview")
}

// login logs in at the OAuth server, which leads back to its only redirect URI: in the preview.
func (w *walk) login(t *testing.T) {
	t.Helper()
	w.clicks(t, "#login")
	w.logsIn(t)
	w.shows(t, "https://"+shopHost+"/", "pr-118", "alice", "browser-login")
}

func (w *walk) logsIn(t *testing.T) {
	t.Helper()
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "the OAuth server", func(ctx context.Context) string {
		got, err := w.Text(ctx, "document.readyState + ' ' + location.host + ' ' + document.activeElement.id")
		if err != nil || got != "complete "+loginHost+" name" {
			return fmt.Sprint(got, err)
		}
		return ""
	})
	if err := w.Type(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	w.clicks(t, "#submit")
}

// back goes back to the released versions, and stays logged in.
func (w *walk) back(t *testing.T) {
	t.Helper()
	w.opens(t, "https://"+shopHost+"/?x-override=")
	w.shows(t, "https://"+shopHost+"/", "v1", "alice", "")
}

// host opens the preview's own host. It has cookies of its own, and a login there leads to the
// shop's host, where the OAuth server sends everybody: docs/edge.md says so.
func (w *walk) host(t *testing.T) {
	t.Helper()
	preview := "https://pr-118." + previewDomain + "/"
	w.opens(t, preview)
	w.shows(t, preview, "pr-118", "nobody", "browser-host")
	w.clicks(t, "#login")
	w.logsIn(t)
	w.shows(t, "https://"+shopHost+"/", "v1", "alice", "")
}
