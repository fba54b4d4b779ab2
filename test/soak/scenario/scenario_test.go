package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/soak/variant"
)

const root = "../../.."

// TestScenarios plays the scripts of testdata, each in its own namespaces, beside one
// operator in each of its modes: in modes other than the first only a few scripts, unless
// all are wanted.
func TestScenarios(t *testing.T) {
	envoy := programtest.E2E.Envoy(t)
	programtest.E2E.Need(t, program.Kubernetes(), program.Istio())
	dir := t.TempDir()
	if err := programtest.Build(t.Context(), root, dir, "./cmd/overrides", "./cmd/sample"); err != nil {
		t.Fatal(err)
	}
	crd, err := filepath.Abs(filepath.Join(root, "config/crd/overrides.mesh_overridepolicies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	mesh, err := localmesh.Start(t.Context(), localmesh.Options{
		Log: t.Output(), Envoy: envoy, Images: map[string]string{"*": filepath.Join(dir, "sample")}, CRDs: []string{crd},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mesh.Stop() })
	o := &operator{mesh: mesh, paths: map[string]string{"present": filepath.Join(dir, "overrides"), "older": os.Getenv(olderVariable)}, dir: dir}
	if err := variant.Rights(t.Context(), mesh, filepath.Join(root, "config/install/overrides.yaml"), filepath.Join(root, "config/install/istiod-sync.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, m := range modes() { // one after the other: each is the only operator of the mesh
		t.Run(m.name, func(t *testing.T) { m.play(t, mesh, o) })
	}
	files, err := filepath.Glob("testdata/upgrade/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no upgrades: %v", err)
	}
	for _, file := range files { // one after the other: each has operators of its own
		t.Run("Upgrade", func(t *testing.T) {
			t.Cleanup(func() { o.end(t) })
			testscript.Run(t, params(mesh, o, "upgrade", &tally{}, testscript.Params{Files: []string{file}}))
		})
	}
}

// olderVariable has the path of an older release's program, if there is one.
const olderVariable = "OVERRIDES_OLDER"

// params are the parameters for running scripts, whose namespaces begin with a prefix.
func params(mesh *localmesh.Mesh, o *operator, prefix string, counts *tally, p testscript.Params) testscript.Params {
	p.RequireExplicitExec, p.RequireUniqueNames, p.Cmds = true, true, commands()
	p.Setup = func(e *testscript.Env) error {
		script := strings.TrimPrefix(filepath.Base(e.WorkDir), "script-")
		name := strings.ToLower(prefix + "-" + script)
		s := &scene{mesh: mesh, operator: o, tally: counts, script: script, namespace: name, callers: name + "-callers"}
		e.Values[key{}] = s
		e.Defer(s.stop)
		return nil
	}
	p.Condition = func(condition string) (bool, error) {
		return o.paths[condition] != "", nil
	}
	return p
}

// key is the key of a script's scene.
type key struct{}

// scene is the state of a script.
type scene struct {
	mesh               *localmesh.Mesh
	operator           *operator
	tally              *tally
	script             string
	namespace, callers string

	overrides []string
	// began is the start of the load, hidden are the periods from the creation of a user's rule
	// that hides subsets until proxies have the routes that the operator then writes.
	began   time.Time
	hidden  []period
	running []*load.Load
	// counts are the counts of the sources by name, once the load has ended.
	counts map[string]load.Count
}

// period is a part of the load, by the time since its start.
type period struct{ from, to time.Duration }

// commands are the commands of scripts.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	out := map[string]func(*testscript.TestScript, bool, []string){}
	for name, command := range map[string]func(*scene, context.Context, *testscript.TestScript, []string) error{
		"service": (*scene).service, "deploy": (*scene).deploy, "relabel": (*scene).relabel, "undeploy": (*scene).undeploy,
		"annotate": (*scene).annotate, "apply": (*scene).apply, "remove": (*scene).remove, "ready": (*scene).ready,
		"sleep": (*scene).sleep, "load": (*scene).load, "override": (*scene).override, "served": (*scene).served,
		"hide": (*scene).hide, "reveal": (*scene).reveal, "older": (*scene).older, "operator": (*scene).operate,
	} {
		out[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s can't be negated", name)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			ts.Check(command(ts.Value(key{}).(*scene), ctx, ts, args))
		}
	}
	return out
}

func (s *scene) service(ctx context.Context, ts *testscript.TestScript, args []string) error {
	if err := s.mesh.Apply(ctx, []byte(s.text(services+clientIn("NAMESPACE")+clientIn("CALLERS")))); err != nil {
		return err
	}
	if err := s.annotate(ctx, ts, args); err != nil {
		return err
	}
	return errors.Join(s.mesh.WaitReady(ctx, s.namespace), s.mesh.WaitReady(ctx, s.callers))
}

// annotate sets annotations of shop, and removes those without a value.
func (s *scene) annotate(ctx context.Context, _ *testscript.TestScript, args []string) error {
	var parts []string
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		text := "null"
		if value != "" {
			text = fmt.Sprintf("%q", value)
		}
		parts = append(parts, fmt.Sprintf("%q:%s", "overrides.mesh/"+name, text))
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%s}}}`, strings.Join(parts, ","))
	_, err := s.mesh.Kubernetes().CoreV1().Services(s.namespace).Patch(ctx, "shop", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func (s *scene) deploy(ctx context.Context, _ *testscript.TestScript, args []string) error {
	d, err := parseDeployment(args)
	if err != nil {
		return err
	}
	return s.mesh.Apply(ctx, []byte(s.text(d.manifest())))
}

func (s *scene) relabel(ctx context.Context, ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		ts.Fatalf("usage: relabel NAME VERSION")
	}
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"labels":{"version":%q}}}}}`, args[1])
	_, err := s.mesh.Kubernetes().AppsV1().Deployments(s.namespace).Patch(ctx, args[0], types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func (s *scene) undeploy(ctx context.Context, _ *testscript.TestScript, args []string) error {
	for _, name := range args {
		if err := s.mesh.Kubernetes().AppsV1().Deployments(s.namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) apply(ctx context.Context, ts *testscript.TestScript, args []string) error {
	for _, file := range args {
		if err := s.mesh.Apply(ctx, []byte(s.text(ts.ReadFile(file)))); err != nil {
			return err
		}
	}
	return nil
}

// hide applies rules that hide the operator's subsets from some callers.
func (s *scene) hide(ctx context.Context, ts *testscript.TestScript, args []string) error {
	hidden := period{from: time.Since(s.began)}
	err := s.rerouted(ctx, func() error { return s.apply(ctx, ts, args) })
	hidden.to = time.Since(s.began)
	s.hidden = append(s.hidden, hidden)
	return err
}

// reveal removes rules that hide.
func (s *scene) reveal(ctx context.Context, ts *testscript.TestScript, args []string) error {
	return s.rerouted(ctx, func() error { return s.remove(ctx, ts, args) })
}

// rerouted makes a change, and waits until the operator has written other routes and the proxies
// have these.
func (s *scene) rerouted(ctx context.Context, change func() error) error {
	before, err := s.routes(ctx)
	if err == nil {
		err = change()
	}
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		now, err := s.routes(ctx)
		return now != before, err
	})
	if err != nil {
		return fmt.Errorf("the operator has not changed its VirtualServices: %w", err)
	}
	return s.mesh.Settle(ctx)
}

// routes identifies the states of the VirtualServices of the operator.
func (s *scene) routes(ctx context.Context) (string, error) {
	client, err := dynamic.NewForConfig(s.mesh.Config)
	if err != nil {
		return "", err
	}
	list, err := client.Resource(apply.Resources["VirtualService"]).Namespace(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var out []string
	for i := range list.Items {
		out = append(out, fmt.Sprint(list.Items[i].GetUID(), list.Items[i].GetGeneration()))
	}
	slices.Sort(out)
	return strings.Join(out, " "), nil
}

// forgiven counts failures while subsets were hidden: proxies lose them together with the rule,
// before they can get other routes.
func (s *scene) forgiven(c *load.Count) int {
	out := 0
	for text, n := range c.Errors {
		_, after, _ := strings.Cut(text, " after ")
		at, err := time.ParseDuration(after)
		if err == nil && slices.ContainsFunc(s.hidden, func(h period) bool { return at > h.from-100*time.Millisecond && at < h.to+100*time.Millisecond }) {
			out += n
		}
	}
	return out
}

func (s *scene) remove(ctx context.Context, ts *testscript.TestScript, args []string) error {
	for _, file := range args {
		if err := s.mesh.Delete(ctx, []byte(s.text(ts.ReadFile(file)))); err != nil {
			return err
		}
	}
	return nil
}

// older applies manifests as an operator does.
func (s *scene) older(ctx context.Context, ts *testscript.TestScript, args []string) error {
	client, err := dynamic.NewForConfig(s.mesh.Config)
	if err != nil {
		return err
	}
	for _, file := range args {
		for document := range strings.SplitSeq(s.text(ts.ReadFile(file)), "---\n") {
			var object unstructured.Unstructured
			if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil || object.Object == nil {
				if err != nil {
					return err
				}
				continue
			}
			resource := object.GroupVersionKind().GroupVersion().WithResource(strings.ToLower(object.GetKind()) + "s")
			if _, err := client.Resource(resource).Namespace(object.GetNamespace()).Apply(ctx, object.GetName(), &object, metav1.ApplyOptions{FieldManager: apply.Manager}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scene) operate(_ context.Context, ts *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "stop":
		return s.operator.stop()
	case "start present", "start older":
		return s.operator.start(args[1])
	}
	ts.Fatalf("usage: operator start present|older, or operator stop")
	return nil
}

func (s *scene) ready(ctx context.Context, _ *testscript.TestScript, _ []string) error {
	if err := s.mesh.WaitReady(ctx, s.namespace); err != nil {
		return err
	}
	return s.mesh.Settle(ctx)
}

func (*scene) sleep(ctx context.Context, _ *testscript.TestScript, args []string) error {
	d, err := time.ParseDuration(strings.Join(args, ""))
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return err
}

func (s *scene) override(_ context.Context, _ *testscript.TestScript, args []string) error {
	s.overrides = append(s.overrides, args...)
	return nil
}

// stop ends everything that a script has left running.
func (s *scene) stop() {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, namespace := range []string{s.namespace, s.callers} {
		_ = s.mesh.Kubernetes().AppsV1().Deployments(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	}
}
