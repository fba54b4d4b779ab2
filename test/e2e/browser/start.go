package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing says that a browser is not installed.
var ErrMissing = errors.New("not installed")

// programs are the names of the programs that each kind needs, and Debian's packages with them.
var programs = map[Kind]struct {
	names    [][]string
	packages string
}{
	Chromium: {[][]string{{"chromium", "chromium-browser", "google-chrome"}, {"chromedriver"}}, "chromium chromium-driver"},
	Firefox:  {[][]string{{"firefox-esr", "firefox"}}, "firefox-esr"},
}

// Installed returns ErrMissing, with what to install, if a kind is not installed.
func (k Kind) Installed() error {
	_, err := k.find()
	return err
}

// find returns the paths of the programs of a kind, or ErrMissing.
func (k Kind) find() ([]string, error) {
	var out []string
	for _, names := range programs[k].names {
		path := ""
		for _, name := range names {
			if found, err := exec.LookPath(name); err == nil && path == "" {
				path = found
			}
		}
		if path == "" {
			return nil, fmt.Errorf("%s is %w: apt-get install %s", names[0], ErrMissing, programs[k].packages)
		}
		out = append(out, path)
	}
	return out, nil
}

// Start starts a browser with a profile of its own in a folder. It connects to all hosts through
// an HTTP proxy, HOST:PORT, and accepts any certificate. ctx ends the start, not the browser: close
// it.
func Start(ctx context.Context, kind Kind, dir, proxy string) (*Browser, error) {
	paths, err := kind.find()
	if err != nil {
		return nil, err
	}
	wanted := map[string]any{"acceptInsecureCerts": true, "proxy": map[string]any{"proxyType": "manual", "sslProxy": proxy, "httpProxy": proxy}}
	b := &Browser{}
	if kind == Chromium {
		err = b.startChromium(ctx, paths[0], paths[1], dir, wanted)
	} else {
		err = b.startFirefox(ctx, paths[0], dir, wanted)
	}
	if err == nil {
		err = b.open(ctx)
	}
	if err != nil && b.stop != nil {
		b.stop()
	}
	return b, err
}

// startChromium starts ChromeDriver, and a session of it with a connection.
func (b *Browser) startChromium(ctx context.Context, chromium, driver, dir string, wanted map[string]any) error {
	line, err := b.run(ctx, "was started successfully on port ", driver, "--port=0", "--allowed-origins="+origin)
	if err != nil {
		return err
	}
	wanted["webSocketUrl"] = true
	// As root it has no sandbox; and it looks for nothing on the network by itself.
	wanted["goog:chromeOptions"] = map[string]any{"binary": chromium, "args": []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + filepath.Join(dir, "chromium"),
	}}
	sessions := "http://127.0.0.1:" + strings.TrimSuffix(line, ".") + "/session"
	var session struct {
		SessionID    string
		Capabilities struct{ WebSocketURL string }
	}
	if err := ask(ctx, http.MethodPost, sessions, map[string]any{"capabilities": map[string]any{"alwaysMatch": wanted}}, &session); err != nil {
		return fmt.Errorf("start Chromium: %w", err)
	}
	stop := b.stop
	b.stop = func() {
		// A driver that is killed would leave its browser.
		_ = ask(context.Background(), http.MethodDelete, sessions+"/"+session.SessionID, map[string]any{}, nil)
		stop()
	}
	b.connection, err = connect(ctx, session.Capabilities.WebSocketURL)
	return err
}

// ask makes a request of classic WebDriver, and reads its value into out, unless that is nil.
func ask(ctx context.Context, method, url string, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", response.Status, answer.Value)
	case out == nil:
		return nil
	default:
		return json.Unmarshal(answer.Value, out)
	}
}

// startFirefox starts Firefox and a session.
func (b *Browser) startFirefox(ctx context.Context, firefox, dir string, wanted map[string]any) error {
	profile := filepath.Join(dir, "firefox")
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return err
	}
	address, err := b.run(ctx, "WebDriver BiDi listening on ", firefox, "--headless", "--profile", profile, "--remote-debugging-port", "0", "--remote-allow-origins", origin)
	if err != nil {
		return err
	}
	if b.connection, err = connect(ctx, address+"/session"); err != nil {
		return err
	}
	return b.connection.call(ctx, "session.new", map[string]any{"capabilities": map[string]any{"alwaysMatch": wanted}}, nil)
}

// run starts a program, and returns what follows a text in its output. Close ends the program.
func (b *Browser) run(ctx context.Context, text, path string, args ...string) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(ctx, path, args...)
	out, in, err := os.Pipe()
	if err != nil {
		cancel()
		return "", err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the program has its own
	if err != nil {
		cancel()
		return "", fmt.Errorf("start %s: %w", path, err)
	}
	b.stop = func() {
		cancel()
		_ = cmd.Wait() // it was killed
		_ = out.Close()
	}
	lines := bufio.NewScanner(out)
	var said strings.Builder
	for lines.Scan() {
		if _, after, found := strings.Cut(lines.Text(), text); found {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return after, nil
		}
		fmt.Fprintln(&said, lines.Text())
	}
	return "", fmt.Errorf("start %s: %s", path, &said)
}
