package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// logs sends requests, and waits until the access logs of the mesh have a line for each at the gateway
// and at web. The sample application does not pass on the header by which lines are found.
func (c *trailMesh) logs(t *testing.T, when string) {
	t.Helper()
	const each = 10
	for i := range each {
		for _, header := range []http.Header{{}, {"X-Override": {"web:v2"}}} {
			header.Set("X-Conform-Case", fmt.Sprintf("trail-%s-%d", when, i))
			if _, failure := c.send(t.Context(), header, "/logs"); failure != "" {
				t.Fatal(failure)
			}
		}
	}
	want := map[string]int{"gateway": 2 * each, "web": 2 * each, "cart": 0}
	programtest.Eventually(t, time.Minute, 200*time.Millisecond, "the access logs "+when, func(ctx context.Context) string {
		got := map[string]int{}
		pods, err := c.mesh.Pods(ctx, trailNamespace, "")
		if err != nil {
			return err.Error()
		}
		for i := range pods {
			files, err := c.mesh.LogFiles(trailNamespace, pods[i].Name, "istio-proxy")
			if err != nil {
				return err.Error()
			}
			kind, _, _ := strings.Cut(pods[i].Name, "-")
			got[kind] += linesWith(t, files, "case=trail-"+when+"-")
		}
		return cmp.Diff(want, got)
	})
}

// linesWith counts the lines of files with a text.
func linesWith(t *testing.T, files []string, text string) int {
	t.Helper()
	count := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		count += strings.Count(string(data), text)
	}
	return count
}

// accessLogs: the access log of the mesh configuration has every request as before, and a Telemetry
// that turns it off does so, and takes away no record.
func (c *trailMesh) accessLogs(t *testing.T) {
	t.Helper()
	c.logs(t, "after")
	telemetry := []byte(`
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet, namespace: ` + trailNamespace + `}
spec:
  selector: {matchLabels: {istio: ` + trailNamespace + `}}
  accessLogging: [{providers: [{name: envoy}], disabled: true}]
`)
	for _, step := range []struct {
		change func(context.Context, ...[]byte) error
		file   bool
	}{{c.mesh.Apply, false}, {c.mesh.Delete, true}} {
		if err := step.change(t.Context(), telemetry); err != nil {
			t.Fatal(err)
		}
		programtest.Eventually(t, time.Minute, 200*time.Millisecond, "the loggers of the gateway", func(ctx context.Context) string {
			loggers, err := c.loggers(ctx)
			if want := map[string]bool{"http_grpc": true, "file": step.file}; err != nil || !maps.Equal(loggers, want) {
				return fmt.Sprintf("%v %v, want %v", loggers, err, want)
			}
			return ""
		})
		c.awaitReports(t)
	}
	c.logs(t, "again")
}

// loggers returns which kinds of loggers the listeners of the gateway have.
func (c *trailMesh) loggers(ctx context.Context) (map[string]bool, error) {
	pod, err := c.mesh.Pod(ctx, trailNamespace, "istio="+trailNamespace)
	if err != nil {
		return nil, err
	}
	client, err := c.mesh.Client(ctx, pod)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	body, err := fetch(ctx, client, "http://127.0.0.1:15000/config_dump?resource=dynamic_listeners")
	if err != nil {
		return nil, err
	}
	var dump struct {
		Configs []struct {
			Active json.RawMessage `json:"active_state"`
		}
	}
	out := map[string]bool{}
	err = json.Unmarshal([]byte(body), &dump)
	for _, kind := range []string{"http_grpc", "file"} {
		for _, c := range dump.Configs {
			out[kind] = out[kind] || strings.Contains(string(c.Active), `"envoy.access_loggers.`+kind+`"`)
		}
	}
	return out, err
}
