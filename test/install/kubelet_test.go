package install_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// pod is a program that runs like a pod of the chart.
type pod struct{ *process.Process }

// killed kills it, and fails t if it has already ended.
func (p pod) killed(t *testing.T) {
	t.Helper()
	check(t, p.Kill())
	if p.State().Exited() {
		t.Errorf("it had ended before it was killed: %v", p.State())
	}
}

// kubeconfigOf returns a kubeconfig for a service account, with a token like a pod's: it
// becomes invalid when the account is deleted.
func (c *cluster) kubeconfigOf(ctx context.Context, account, folder string) (string, error) {
	token, err := c.kube.CoreV1().ServiceAccounts(system).CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("get a token for %s: %w", account, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["here"] = &clientcmdapi.Cluster{Server: c.plane.Config.Host, CertificateAuthorityData: c.plane.Config.CAData, CertificateAuthority: c.plane.Config.CAFile}
	config.AuthInfos["account"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["here"] = &clientcmdapi.Context{Cluster: "here", AuthInfo: "account", Namespace: system}
	config.CurrentContext = "here"
	path := filepath.Join(folder, account+".kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

// run starts the container of a pod, on this machine.
func (c *cluster) run(ctx context.Context, spec *corev1.PodSpec, folder string, extra ...string) (pod, error) {
	kubeconfig, err := c.kubeconfigOf(ctx, spec.ServiceAccountName, folder)
	if err != nil {
		return pod{}, err
	}
	cmd := exec.CommandContext(ctx, c.program, slices.Concat(spec.Containers[0].Args, extra)...)
	cmd.Env = []string{"KUBECONFIG=" + kubeconfig}
	p, err := process.Start(cmd, filepath.Join(folder, spec.ServiceAccountName+".log"))
	return pod{p}, err
}

// startOperator runs the replicas of the chart's Deployment, without its ports, since all
// of them would be the same here.
func (c *cluster) startOperator(t *testing.T) []pod {
	t.Helper()
	d, err := c.kube.AppsV1().Deployments(system).Get(t.Context(), "overrides-operator", metav1.GetOptions{})
	check(t, err)
	var out []pod
	for range *d.Spec.Replicas {
		p, err := c.run(t.Context(), &d.Spec.Template.Spec, t.TempDir(),
			"--metrics-bind-address=0", "--health-probe-bind-address=0", "--webhook-bind-address="+programtest.FreeAddress(t), "--grants-bind-address="+programtest.FreeAddress(t), "--log-format=text")
		check(t, err)
		out = append(out, p)
		t.Cleanup(func() {
			_ = p.Kill()
			if t.Failed() {
				t.Logf("operator %d:\n%s", p.ID(), p.Log())
			}
		})
	}
	return out
}

// forbidden fails t if the API server denied a request of the program.
func (p pod) forbidden(t *testing.T) {
	t.Helper()
	for line := range strings.SplitSeq(p.Log(), "\n") {
		if strings.Contains(line, "forbidden") || strings.Contains(line, "not allowed to list") {
			t.Errorf("operator: %s", line)
		}
	}
}

// kubelet does the work of kubelets when a release is uninstalled: it ends the operator's
// pods a moment after their Deployment is deleted, and runs the pods of Jobs. It returns
// the Jobs' output; wait ends it.
type kubelet struct {
	log  programtest.Log
	errs chan error
}

// grace is how long a pod outlives its Deployment.
const grace = 300 * time.Millisecond

func (c *cluster) kubelet(t *testing.T, operators []pod) *kubelet {
	t.Helper()
	k := &kubelet{errs: make(chan error, 2)}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	folder := t.TempDir()
	go func() { k.errs <- c.endOperators(ctx, operators) }()
	go func() { k.errs <- c.runJob(ctx, folder, &k.log) }()
	return k
}

// wait returns once the operator has ended and the Job has run.
func (k *kubelet) wait(t *testing.T) string {
	t.Helper()
	for range 2 {
		check(t, <-k.errs)
	}
	return k.log.String()
}

func (c *cluster) endOperators(ctx context.Context, operators []pod) error {
	err := poll(ctx, func() (bool, error) {
		_, err := c.kube.AppsV1().Deployments(system).Get(ctx, "overrides-operator", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("wait for the Deployment to go: %w", err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	<-timer.C
	for _, p := range operators {
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("end the operator: %w", err)
		}
		select {
		case <-p.Ended():
			// The operator may no longer release its lease, so any exit code is right.
		case <-time.After(deadline):
			return errors.New("the operator does not end")
		}
	}
	return nil
}

func (c *cluster) runJob(ctx context.Context, folder string, log *programtest.Log) error {
	var job *batchv1.Job
	err := poll(ctx, func() (bool, error) {
		jobs, err := c.kube.BatchV1().Jobs(system).List(ctx, metav1.ListOptions{})
		if err != nil || len(jobs.Items) == 0 {
			return false, err
		}
		job = &jobs.Items[0]
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for a Job: %w", err)
	}
	p, err := c.run(ctx, &job.Spec.Template.Spec, folder)
	if err != nil {
		return err
	}
	<-p.Ended()
	fmt.Fprint(log, p.Log())
	done := p.State().Success()
	now := metav1.Now()
	job.Status.StartTime = &now
	conditions := []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
	if !done {
		conditions = []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
		job.Status.Failed = 1
	} else {
		job.Status.Succeeded, job.Status.CompletionTime = 1, &now
	}
	for _, kind := range conditions {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastProbeTime: now, LastTransitionTime: now})
	}
	if _, err := c.kube.BatchV1().Jobs(system).UpdateStatus(ctx, job, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("say that the Job has ended: %w", err)
	}
	if !done {
		return fmt.Errorf("the Job's pod ended with %v:\n%s", p.State(), p.Log())
	}
	return nil
}

func poll(ctx context.Context, f func() (bool, error)) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if done, err := f(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
