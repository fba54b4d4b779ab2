package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/localmesh/proxy"
)

// refusal is the reason why a container is not created, in a kubelet's words.
type refusal struct{ reason, message string }

func (r *refusal) Error() string { return r.reason + ": " + r.message }

// launch is the program to start for a container.
type launch struct {
	command Command
	// nothing says that there is nothing to start: the container is complete.
	nothing bool
}

// prepare decides what to start. Its error is a refusal if the user can fix it.
func (w *worker) prepare(ctx context.Context, c *container) (launch, error) {
	env, err := w.agent.environment(ctx, w.pod, c.spec, w.at)
	if err != nil {
		return launch{}, err
	}
	switch kind := istioPart(c.spec); kind {
	case iptables:
		return launch{nothing: true}, nil
	case sidecarProxy, routerProxy:
		return w.prepareEnvoy(c, kind, env)
	case unknownPart:
		return launch{}, &refusal{"CreateContainerConfigError", "the agent can't do what these arguments ask of Istio's proxy"}
	default:
	}
	program, found := w.agent.options.Images(c.spec.Image)
	if !found {
		return launch{}, imageRefusal(c)
	}
	args := commandLine(program, c.spec, env)
	command := Command{Path: args[0], Args: args[1:], Env: env.strings(), Dir: workingDir(c.spec)}
	// If there is no such program, starting it fails, and with it the container.
	if path, err := exec.LookPath(command.Path); err == nil {
		command.Path = path
	}
	return launch{command: command}, nil
}

func imageRefusal(c *container) *refusal {
	switch {
	case c.spec.ImagePullPolicy == corev1.PullNever:
		return &refusal{"ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", c.spec.Image)}
	case c.reason == "ErrImagePull" || c.reason == "ImagePullBackOff":
		return &refusal{"ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q", c.spec.Image)}
	default:
		return &refusal{"ErrImagePull", fmt.Sprintf("there is no program for image %q", c.spec.Image)}
	}
}

// commandLine is a container's command and args, which override its image's.
func commandLine(program Program, c *corev1.Container, env environment) []string {
	args := append([]string{program.Path}, program.Args...)
	switch {
	case len(c.Command) > 0:
		args = slices.Concat(c.Command, c.Args)
	case len(c.Args) > 0:
		args = append([]string{program.Path}, c.Args...)
	}
	out := make([]string, 0, len(args))
	for _, arg := range args {
		out = append(out, expand(arg, env.lookup))
	}
	return out
}

// workingDir is the container's if that folder exists: most are in images.
func workingDir(c *corev1.Container) string {
	if info, err := os.Stat(c.WorkingDir); err == nil && info.IsDir() {
		return c.WorkingDir
	}
	return "/"
}

// prepareEnvoy writes the bootstrap of a proxy.
func (w *worker) prepareEnvoy(c *container, kind part, env environment) (launch, error) {
	role := proxy.Sidecar
	if kind == routerProxy {
		role = proxy.Router
	}
	bootstrap, err := proxy.Bootstrap(proxy.Options{
		Type:         role,
		IP:           w.at.pod,
		Env:          env.asMap(),
		Labels:       w.pod.Labels,
		Annotations:  w.pod.Annotations,
		IstioVersion: proxyVersion(c.spec.Image),
		XDS:          w.agent.options.istiod(w.pod.Annotations),
		SDS:          w.agent.options.SDS,
	})
	if err != nil {
		return launch{}, &refusal{"CreateContainerConfigError", err.Error()}
	}
	file := filepath.Join(w.logDir(c), "bootstrap.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, bootstrap, 0o600)); err != nil {
		return launch{}, fmt.Errorf("write bootstrap: %w", err)
	}
	level, ok := flag(c.spec.Args, "proxyLogLevel")
	if !ok {
		level = "warning"
	}
	args := []string{
		"-c", file, "--concurrency", workers, "--disable-hot-restart", "--drain-time-s", "45", "--drain-strategy", "immediate",
		"--local-address-ip-version", "v4", "--file-flush-interval-msec", "100", "-l", level,
	}
	if components, ok := flag(c.spec.Args, "proxyComponentLogLevel"); ok && components != "" {
		args = append(args, "--component-log-level", components)
	}
	return launch{command: Command{Path: w.agent.options.Envoy, Args: args, Env: env.strings(), Dir: "/"}}, nil
}

// workers is the number of Envoy's worker threads, as in a pod that requests two
// processors. With one, tests would not see differences between workers.
const workers = "2"

// logDir is the folder of a container's logs.
func (w *worker) logDir(c *container) string {
	return filepath.Join(w.agent.options.LogDir, w.pod.Namespace+"_"+w.pod.Name+"_"+string(w.pod.UID), c.spec.Name)
}

// openLog creates the log of a container's next run.
func (w *worker) openLog(c *container) (*os.File, error) {
	dir := w.logDir(c)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder for logs: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, strconv.Itoa(int(c.runs))+".log"))
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	return file, nil
}
