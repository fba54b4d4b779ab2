package stage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// accessLog is the format of sidecars' access logs.
const accessLog = "case=%REQ(X-CONFORM-CASE)% route=%ROUTE_NAME% cluster=%UPSTREAM_CLUSTER_RAW% flags=%RESPONSE_FLAGS%\n"

// Mesh is a local mesh, for many worlds.
type Mesh struct {
	*localmesh.Mesh
	programs Programs
	istioctl string
}

// MeshOptions are settings of a [Mesh].
type MeshOptions struct {
	Envoy    string
	Programs Programs
	// Images are programs that run instead of images, by repository; the sample runs instead
	// of all others.
	Images map[string]string
	// CRDs are files with this project's kinds.
	CRDs []string
	// MeshConfig is Istio's, which overrides the fields set here; Revisions are the names
	// of additional istiods.
	MeshConfig map[string]any
	Revisions  []string
	Log        io.Writer
}

// StartMesh starts a mesh.
func StartMesh(ctx context.Context, o MeshOptions) (*Mesh, error) {
	istioPrograms, err := program.Build(ctx, program.Istio(), o.Log)
	if err != nil {
		return nil, err
	}
	config := map[string]any{"accessLogFile": "/dev/stdout", "accessLogFormat": accessLog}
	maps.Copy(config, o.MeshConfig)
	images := map[string]string{"*": o.Programs.Sample}
	maps.Copy(images, o.Images)
	mesh, err := localmesh.Start(ctx, localmesh.Options{
		Log: o.Log, Envoy: o.Envoy, Images: images, CRDs: o.CRDs, MTLS: true,
		MeshConfig: config, Revisions: o.Revisions,
	})
	if err != nil {
		return nil, err
	}
	return &Mesh{Mesh: mesh, programs: o.Programs, istioctl: istioPrograms["istioctl"]}, nil
}

// Deployment is a running world in a mesh.
type Deployment struct {
	mesh    *Mesh
	world   *conform.World
	oracle  *conform.Oracle
	callers map[string]localmesh.Pod
	clients map[string]*http.Client
	made    []byte
	// phase distinguishes requests of one case in the logs.
	phase string
}

// Deploy deploys the pods of a world. Its namespaces already exist: routes that are
// exported to namespaces list the existing ones.
func (m *Mesh) Deploy(ctx context.Context, w *conform.World, manifests conform.Manifests) (*Deployment, error) {
	d := &Deployment{mesh: m, world: w, callers: map[string]localmesh.Pod{}, clients: map[string]*http.Client{}}
	for _, manifest := range [][]byte{manifests.First, manifests.Later} {
		if len(manifest) == 0 {
			continue
		}
		if err := m.bringUp(ctx, w, manifest); err != nil {
			return nil, err
		}
	}
	for _, name := range w.Callers() {
		workload, err := w.Workload(name)
		if err != nil {
			return nil, err
		}
		pod, err := m.podOf(ctx, workload)
		if err != nil {
			return nil, err
		}
		d.callers[name] = pod
		client, err := m.Client(ctx, pod)
		if err != nil {
			return nil, err
		}
		client.Timeout = timeout
		d.clients[name] = client
	}
	return d, nil
}

// bringUp applies a manifest and waits for its pods, and until the next objects are
// younger: Kubernetes' ages are in seconds.
func (m *Mesh) bringUp(ctx context.Context, w *conform.World, manifest []byte) error {
	if err := m.Apply(ctx, manifest); err != nil {
		return err
	}
	applied := time.Now()
	for _, namespace := range w.Namespaces {
		if err := m.WaitReady(ctx, namespace); err != nil {
			return err
		}
	}
	return secondAfter(ctx, applied)
}

// secondAfter waits until the second of a moment is over.
func secondAfter(ctx context.Context, moment time.Time) error {
	return poll(ctx, func() (string, error) {
		if time.Now().Unix() == moment.Unix() {
			return "the next second", nil
		}
		return "", nil
	})
}

// podOf finds the pod of a caller, and checks that it has the expected labels.
func (m *Mesh) podOf(ctx context.Context, w *conform.Workload) (localmesh.Pod, error) {
	pods, err := m.Pods(ctx, w.Namespace, selector(w.Labels))
	if err != nil {
		return localmesh.Pod{}, err
	}
	for i := range pods {
		if localmesh.Ready(&pods[i]) && model.HasLabels(pods[i].Labels, w.Source().Labels) {
			return localmesh.Pod{Namespace: w.Namespace, Name: pods[i].Name, IP: pods[i].Status.PodIP}, nil
		}
	}
	return localmesh.Pod{}, fmt.Errorf("find a pod of %s: none is ready and labelled %v", w.ID(), w.Source().Labels)
}

func selector(labels map[string]string) string {
	var out bytes.Buffer
	for name, value := range labels {
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.WriteString(name + "=" + value)
	}
	return out.String()
}

var phases atomic.Int64

func nextPhase() string { return fmt.Sprintf("%d/", phases.Add(1)) }

// Users applies the user's objects, and leaves none of Overrides'.
func (d *Deployment) Users(ctx context.Context, objects []byte) error {
	d.phase = nextPhase()
	if err := d.mesh.Apply(ctx, objects); err != nil {
		return err
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	return d.settle(ctx, false)
}

// Enable applies the output of "overrides generate", unchanged.
func (d *Deployment) Enable(ctx context.Context) error {
	d.phase = nextPhase()
	if err := d.read(ctx); err != nil {
		return err
	}
	var made []byte
	for _, namespace := range d.world.Namespaces {
		arguments := []string{"-n", namespace}
		if d.world.Together() {
			arguments = []string{"-A"}
		}
		printed, err := d.mesh.generate(ctx, arguments...)
		if err != nil {
			return err
		}
		if d.world.Together() {
			printed = within(printed, namespace)
		}
		made = append(made, printed...)
	}
	if d.made = made; len(made) > 0 {
		if err := d.mesh.Apply(ctx, made); err != nil {
			return fmt.Errorf("apply the output of generate: %w", err)
		}
	}
	return d.settle(ctx, true)
}

// within returns the objects of a namespace.
func within(objects []byte, namespace string) []byte {
	var out []byte
	for document := range bytes.SplitSeq(objects, []byte("---\n")) {
		if bytes.Contains(document, []byte("\n  namespace: "+namespace+"\n")) {
			out = append(append(out, "---\n"...), document...)
		}
	}
	return out
}

// Disable deletes the objects of Enable, and then the user's.
func (d *Deployment) Disable(ctx context.Context, objects []byte) error {
	for _, manifest := range [][]byte{d.made, objects} {
		if len(manifest) == 0 {
			continue
		}
		if err := d.mesh.Delete(ctx, manifest); err != nil {
			return err
		}
	}
	d.made = nil
	return nil
}

// Made is the output of "overrides generate".
func (d *Deployment) Made() []byte { return d.made }

// generate runs the real program against the cluster.
func (m *Mesh) generate(ctx context.Context, arguments ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, m.programs.Overrides, append([]string{"generate", "--kubeconfig", m.Kubeconfig}, arguments...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("generate %v: %w\n%s", arguments, err, stderr.Bytes())
	}
	return out, nil
}

// read compiles the objects in the cluster, as generate does.
func (d *Deployment) read(ctx context.Context) error {
	all := &conform.Oracle{World: d.world, Cluster: true}
	for _, namespace := range d.world.Namespaces {
		options := source.ClusterOptions{Namespace: namespace}
		if d.world.Together() {
			options.Namespace = ""
		}
		objects, _, err := source.Cluster(ctx, d.mesh.Config, options)
		if err != nil {
			return err
		}
		snapshot, _ := objects.Snapshot(model.DefaultOptions())
		result := compile.Compile(snapshot)
		all.Add(namespace, snapshot, &result)
	}
	d.oracle = all
	return nil
}

// Oracle returns the oracle for the state after Enable.
func (d *Deployment) Oracle() *conform.Oracle { return d.oracle }

// Expected is the output of generate according to d's own reading of the cluster.
func (d *Deployment) Expected() ([]byte, error) {
	objects, _, err := istio.Objects(d.oracle.Result.Tables, d.oracle.Result.SubsetRules)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, namespace := range d.world.Namespaces {
		for _, o := range objects {
			if o.Namespace != namespace {
				continue
			}
			text, err := o.YAML()
			if err != nil {
				return nil, err
			}
			out = append(append(out, "---\n"...), text...)
		}
	}
	return out, nil
}

// Send plays a case from inside the pod of its caller, through its sidecar.
func (d *Deployment) Send(ctx context.Context, c *conform.Case) (*conform.Observation, error) {
	s, err := d.world.Service(c.Service)
	if err != nil {
		return nil, err
	}
	return send(ctx, d.clients[c.From], fmt.Sprintf("%s:%d", s.FQDN(), c.Port), d.phase, c)
}

// Client makes requests from inside the pod of a caller.
func (d *Deployment) Client(caller string) *http.Client { return d.clients[caller] }

// Close releases the resources of d. Its pods stay until the mesh ends: terminating pods
// would disturb others' settling.
func (d *Deployment) Close() {
	for _, client := range d.clients {
		client.CloseIdleConnections()
	}
}
