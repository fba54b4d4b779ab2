package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

// Younger deletes the user's objects, applies the output generated without them, then
// creates them again and generates again: they are now younger than Overrides' objects.
func (d *Deployment) Younger(ctx context.Context, objects []byte) error {
	if err := d.mesh.Delete(ctx, objects); err != nil {
		return err
	}
	if err := d.Enable(ctx); err != nil {
		return err
	}
	if err := secondAfter(ctx, time.Now()); err != nil {
		return err
	}
	if err := d.mesh.Apply(ctx, objects); err != nil {
		return err
	}
	before := d.made
	if err := d.Enable(ctx); err != nil {
		return err
	}
	return d.deleteOthers(ctx, before)
}

// deleteOthers deletes objects that were generated before and no longer are.
func (d *Deployment) deleteOthers(ctx context.Context, before []byte) error {
	kept := map[string]bool{}
	now, err := controlplane.Decode(d.made)
	if err != nil {
		return fmt.Errorf("read the output of generate: %w", err)
	}
	name := func(o *unstructured.Unstructured) string {
		return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
	}
	for _, o := range now {
		kept[name(o)] = true
	}
	old, err := controlplane.Decode(before)
	if err != nil {
		return fmt.Errorf("read the output of generate: %w", err)
	}
	var gone []byte
	for _, o := range old {
		if kept[name(o)] {
			continue
		}
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name(o), err)
		}
		gone = append(append(gone, "---\n"...), text...)
	}
	if len(gone) == 0 {
		return nil
	}
	if err := d.mesh.Delete(ctx, gone); err != nil {
		return err
	}
	return d.settle(ctx, true)
}

// Warning is a diagnostic that is a warning, or worse.
type Warning struct {
	Code, Message string
	// Object is "Kind namespace/name".
	Object string
}

// Check returns the warnings of "overrides check" in the world's namespaces.
func (d *Deployment) Check(ctx context.Context) ([]Warning, error) {
	var out []Warning
	for _, namespace := range d.world.Namespaces {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, d.mesh.programs.Overrides, "check", "--kubeconfig", d.mesh.Kubeconfig, "-n", namespace, "-o", "json")
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		// It ends with an error if it has messages.
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || len(text) == 0) {
			return nil, fmt.Errorf("check namespace %s: %w\n%s", namespace, err, stderr.Bytes())
		}
		var said struct {
			Diagnostics []struct {
				Code, Severity, Message string
				Object                  struct{ Kind, Namespace, Name string }
			}
		}
		if err := json.Unmarshal(text, &said); err != nil {
			return nil, fmt.Errorf("read the output of check for %s: %w\n%s", namespace, err, text)
		}
		for _, s := range said.Diagnostics {
			if s.Severity != "info" {
				out = append(out, Warning{Code: s.Code, Message: s.Message, Object: fmt.Sprintf("%s %s/%s", s.Object.Kind, s.Object.Namespace, s.Object.Name)})
			}
		}
	}
	return out, nil
}

// Served counts the requests to each workload so far, including copies, by the sidecars
// of all callers.
func (d *Deployment) Served(ctx context.Context) (map[string]int, error) {
	pods, err := d.mesh.Pods(ctx, "", "")
	if err != nil {
		return nil, err
	}
	workloads := map[string]string{}
	for i := range pods {
		for _, c := range pods[i].Spec.Containers {
			for _, e := range c.Env {
				if e.Name == "NAME" {
					workloads[pods[i].Status.PodIP] = e.Value
				}
			}
		}
	}
	out := map[string]int{}
	for _, pod := range d.callers {
		client := d.admin(pod)
		if err := served(ctx, client, workloads, out); err != nil {
			return nil, err
		}
		client.CloseIdleConnections()
	}
	return out, nil
}

// served adds the requests that one sidecar has sent to each workload's pods.
func served(ctx context.Context, admin *http.Client, workloads map[string]string, out map[string]int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+adminAddress+"/clusters", http.NoBody)
	if err != nil {
		return err
	}
	response, err := admin.Do(request)
	if err != nil {
		return fmt.Errorf("ask for clusters: %w", err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		// NAME::ADDRESS:PORT::rq_total::COUNT
		parts := strings.Split(lines.Text(), "::")
		if len(parts) != 4 || parts[2] != "rq_total" || !strings.HasPrefix(parts[0], "outbound|") {
			continue
		}
		address, _, _ := strings.Cut(parts[1], ":")
		count, err := strconv.Atoi(parts[3])
		if err != nil {
			return fmt.Errorf("read %q: %w", lines.Text(), err)
		}
		if id := workloads[address]; id != "" {
			out[id] += count
		}
	}
	return nil
}
