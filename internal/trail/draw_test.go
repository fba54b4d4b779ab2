package trail_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/trail"
)

// TestDraw: a request through a gateway and three services, the last of which was tried twice, and
// whose second version answered.
func TestDraw(t *testing.T) {
	t.Parallel()
	s := story{length: 4, sent: "service-3:v2, service-4:v2", row: v2Row, version: "v2", dropper: 3}
	records := s.records()
	failed := records[5]
	failed.ID, failed.Proxy.Pod, failed.Status = "failed", "service-3-v2-1", 503
	failed.Duration /= 100
	failed.Downstream.To, failed.Downstream.From = "10.0.0.99:8080", "10.0.0.2:4999"
	records[4].Attempts = 2
	trails := trail.Join(append(records, failed))
	members, _ := grammar.Parse(s.sent)
	r := trail.Report{Trail: trails[0], VersionLabel: "version", Verdicts: trail.Judge(trails[0], trail.Question{Members: members, VersionLabel: "version", Sent: true})}
	for name, write := range map[string]func(io.Writer) error{
		"text": r.Text, "json": r.JSON, "mermaid": r.Mermaid, "dot": r.DOT,
		"forwarding": func(w io.Writer) error { return trail.WriteForwarders(w, trail.Forwarders(trails)) },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "draw", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
