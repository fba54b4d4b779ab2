package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/internal/source"
	"github.com/overrides-mesh/overrides/localmesh/meter"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// deadline limits every wait; tests that pass never reach it.
const deadline = 30 * time.Second

var (
	virtualServices  = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	destinationRules = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
)

// options are the tests' options: for one namespace, with short waits.
func options(namespace string) operator.Options {
	o := operator.DefaultOptions()
	o.Namespaces = []string{namespace}
	o.Plan.PropagationDelay, o.Plan.DrainDelay = 200*time.Millisecond, 200*time.Millisecond
	o.MetricsAddress, o.ProbeAddress = "0", "0"
	return o
}

// running is a running operator whose requests are counted.
type running struct {
	meter *meter.Meter
	stop  func()
	log   *programtest.Log
}

// run starts an operator, which ends at the end of the test at the latest.
func run(t *testing.T, config *rest.Config, o operator.Options) *running {
	t.Helper()
	proxy, err := meter.Start(t.Context(), config, t.TempDir())
	check(t, err)
	metered, err := clientcmd.BuildConfigFromFlags("", proxy.Kubeconfig)
	check(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{meter: proxy, log: &programtest.Log{}}
	done := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(r.log, nil))
	go func() { done <- operator.Run(ctx, metered, o, log) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the operator ended with: %v", err)
		}
		// The operator's watches have ended, so this returns.
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

// writes lists the operator's writes since the last call: to objects of the mesh and to
// the status of policies.
func (r *running) writes() []string {
	var out []string
	for _, request := range r.meter.Requests() {
		if request.Method == "GET" || strings.Contains(request.Path, "/leases") || strings.Contains(request.Path, "/events") {
			continue
		}
		parts := strings.Split(request.Path, "/")
		out = append(out, fmt.Sprintf("%s %s %d", request.Method, strings.Join(parts[6:], "/"), request.Status))
	}
	return out
}

// eventually waits until f returns "".
func eventually(t *testing.T, what string, f func(ctx context.Context) string) {
	t.Helper()
	programtest.Eventually(t, deadline, 20*time.Millisecond, what, f)
}

// converges waits until the cluster has the current output of generate, with that number
// of objects.
func (s *shop) converges(t *testing.T, objects int) {
	t.Helper()
	eventually(t, "converge", func(ctx context.Context) string {
		want, err := s.generate(ctx)
		if err != nil {
			return err.Error()
		}
		if len(want) != objects {
			return fmt.Sprintf("generate prints %d objects, want %d", len(want), objects)
		}
		got, err := s.present(ctx)
		if err != nil {
			return err.Error()
		}
		if slices.Equal(want, got) {
			return ""
		}
		return fmt.Sprintf("there is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	})
}

// generate returns the output of the generator.
func (s *shop) generate(ctx context.Context) ([]string, error) {
	read, _, err := source.Cluster(ctx, s.plane.Config, source.ClusterOptions{Namespace: s.namespace})
	if err != nil {
		return nil, err
	}
	snapshot, _ := read.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	objects, _, err := istio.Objects(result.Tables, result.SubsetRules)
	var out []string
	for _, o := range objects {
		out = append(out, string(o.JSON))
	}
	return out, err
}

// present returns the operator's objects in the cluster. All their fields must be owned.
func (s *shop) present(ctx context.Context) ([]string, error) {
	var out []string
	for _, resource := range []schema.GroupVersionResource{destinationRules, virtualServices} {
		list, err := s.objects.Resource(resource).Namespace(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: istio.ManagedByLabel + "=" + istio.ManagedBy})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			seen, err := apply.Read(&list.Items[i])
			if err != nil {
				return nil, err
			}
			whole, err := wholeOf(&list.Items[i])
			if err != nil {
				return nil, err
			}
			if whole != string(seen.Managed) {
				return nil, fmt.Errorf("%s: not all of it is owned: %s", seen.Object, whole)
			}
			out = append(out, whole)
		}
	}
	return out, nil
}

// wholeOf encodes an object, including fields of other owners.
func wholeOf(u *unstructured.Unstructured) (string, error) {
	u = u.DeepCopy()
	// The name of the installation is not part of the output of generate.
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", istio.InstanceAnnotation)
	if len(u.GetAnnotations()) == 0 {
		u.SetAnnotations(nil)
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return "", err
	}
	if u.GetKind() == "VirtualService" {
		var v istionetv1.VirtualService
		if err := json.Unmarshal(text, &v); err != nil {
			return "", err
		}
		o, err := istio.Canonical(&v.ObjectMeta, v.Kind, &v.Spec)
		return string(o.JSON), err
	}
	var d istionetv1.DestinationRule
	if err := json.Unmarshal(text, &d); err != nil {
		return "", err
	}
	o, err := istio.Canonical(&d.ObjectMeta, d.Kind, &d.Spec)
	return string(o.JSON), err
}
