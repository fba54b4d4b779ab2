package e2e_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/localmesh"
)

// health is what a gateway's Envoy says of itself.
type health struct {
	state string
	// uptime is in seconds, epoch and restarts count those by Envoy and of the container.
	uptime, epoch int
	restarts      int32
	// requests and errors are the requests at all ports, and those that got a status of 5xx.
	requests, errors int
}

func (s *siege) health(t *testing.T) health {
	t.Helper()
	var info struct {
		State   string `json:"state"`
		Uptime  string `json:"uptime_all_epochs"`
		Options struct {
			Epoch int `json:"restart_epoch"`
		} `json:"command_line_options"`
	}
	pods, err := s.mesh.Pods(t.Context(), attackNamespace, "istio="+attackNamespace)
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d gateway pods, %v", len(pods), err)
	}
	if err := json.Unmarshal(s.admin(t, &pods[0], "/server_info"), &info); err != nil {
		t.Fatal(err)
	}
	out := health{state: info.State, epoch: info.Options.Epoch}
	for line := range strings.Lines(string(s.admin(t, &pods[0], `/stats?filter=^http\.outbound_.*_rq_`))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("a statistic is %q", line)
		}
		if strings.HasSuffix(name, "5xx") {
			out.errors += n
		} else {
			out.requests += n
		}
	}
	for _, c := range pods[0].Status.ContainerStatuses {
		out.restarts += c.RestartCount
	}
	if _, err := fmt.Sscanf(info.Uptime, "%ds", &out.uptime); err != nil {
		t.Fatal(err)
	}
	return out
}

// admin asks the gateway's Envoy.
func (s *siege) admin(t *testing.T, pod *corev1.Pod, path string) []byte {
	t.Helper()
	client, err := s.mesh.Client(t.Context(), localmesh.Pod{Namespace: pod.Namespace, Name: pod.Name, IP: pod.Status.PodIP})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	return []byte(get(t, client, "http://127.0.0.1:15000"+path))
}
