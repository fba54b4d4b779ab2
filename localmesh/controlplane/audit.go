package controlplane

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// AuditLog is the path of the file with the requests of [Options.AuditGroups]: in each line an
// Event of audit.k8s.io/v1, at level Metadata, for the end of a request and also for the
// beginning of a watch's answer.
func (p *Plane) AuditLog() string { return filepath.Join(p.Dir, "audit.log") }

// auditFlags writes the policy that records the requests of some groups, and returns the flags
// of kube-apiserver for it.
func (p *Plane) auditFlags(groups []string) ([]string, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	policy, err := json.Marshal(map[string]any{
		"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": []string{"RequestReceived"},
		"rules": []any{map[string]any{"level": "Metadata", "userGroups": groups}, map[string]any{"level": "None"}},
	})
	if err != nil {
		return nil, err
	}
	const name = "audit-policy.json"
	if err := writeFiles(p.Dir, map[string][]byte{name: policy}); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	return []string{"--audit-policy-file=" + filepath.Join(p.Dir, name), "--audit-log-path=" + p.AuditLog()}, nil
}
