package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// Logged is a sidecar's log entry of a request.
type Logged struct {
	// Route is the name of the route, "-" for none.
	Route string
	// Cluster is the request's destination, Flags the reasons why it failed.
	Cluster, Flags string
}

var logLine = regexp.MustCompile(`(?m)^case=(\S+) route=(\S+) cluster=(\S+) flags=(\S+)$`)

// Logs returns the sidecars' entries of cases, by name, once all have arrived; only of
// those sent since Users or Enable.
func (d *Deployment) Logs(ctx context.Context, cases []string) (map[string][]Logged, error) {
	var out map[string][]Logged
	err := poll(ctx, func() (string, error) {
		out = map[string][]Logged{}
		for _, pod := range d.callers {
			files, err := d.mesh.LogFiles(pod.Namespace, pod.Name, proxyContainer)
			if err != nil {
				return "", err
			}
			for _, file := range files {
				if err := readLog(file, d.phase, out); err != nil {
					return "", err
				}
			}
		}
		if at := slices.IndexFunc(cases, func(name string) bool { return out[name] == nil }); at >= 0 {
			return "no sidecar has logged case " + cases[at], nil
		}
		return "", nil
	})
	return out, err
}

func readLog(file, phase string, out map[string][]Logged) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the log of a sidecar: %w", err)
	}
	for _, found := range logLine.FindAllSubmatch(data, -1) {
		line := Logged{Route: string(found[2]), Cluster: string(found[3]), Flags: string(found[4])}
		if name, ok := strings.CutPrefix(string(found[1]), phase); ok && !slices.Contains(out[name], line) {
			out[name] = append(out[name], line)
		}
	}
	return nil
}

// Message is a message of istioctl analyze.
type Message struct {
	Code  string `json:"code"`
	Level string `json:"level"`
	// Origin is the object, "VirtualService namespace/name".
	Origin  string `json:"origin"`
	Message string `json:"message"`
}

// String returns the code and the object.
func (m Message) String() string { return m.Code + " " + m.Origin }

// Analyze returns the messages of istioctl about the world's namespaces, each once.
func (d *Deployment) Analyze(ctx context.Context) ([]Message, error) {
	var out []Message
	for _, namespace := range d.world.Namespaces {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, d.mesh.istioctl, "analyze", "--kubeconfig", d.mesh.Kubeconfig, "-n", namespace, "-o", "json")
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		// It ends with an error if it has messages.
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || len(text) == 0) {
			return nil, fmt.Errorf("analyze namespace %s: %w\n%s", namespace, err, stderr.Bytes())
		}
		var found []Message
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, fmt.Errorf("read the output of istioctl analyze for %s: %w\n%s", namespace, err, text)
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(a, b Message) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(out, func(a, b Message) bool { return a.String() == b.String() }), nil
}
