package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// environment is the whole environment of a container.
func (a *agent) environment(ctx context.Context, pod *corev1.Pod, c *corev1.Container, at place) (environment, error) {
	found, err := a.values(ctx, pod.Namespace, c)
	if err != nil {
		return nil, err
	}
	services, err := a.serviceEnv(pod)
	if err != nil {
		return nil, err
	}
	base := environment{{"PATH", os.Getenv("PATH")}, {"HOME", "/"}, {"HOSTNAME", hostname(pod)}}
	env, err := containerEnv(append(base, services...), pod, c, at, found)
	if err != nil {
		return nil, &refusal{"CreateContainerConfigError", err.Error()}
	}
	return env, nil
}

func hostname(pod *corev1.Pod) string {
	if pod.Spec.Hostname != "" {
		return pod.Spec.Hostname
	}
	return pod.Name
}

// values reads the ConfigMaps and Secrets that a container references, in their current
// state.
func (a *agent) values(ctx context.Context, namespace string, c *corev1.Container) (values, error) {
	out := values{configMaps: map[string]map[string]string{}, secrets: map[string]map[string]string{}}
	core := a.client.CoreV1()
	configMaps, secrets := references(c)
	for _, name := range configMaps {
		object, err := core.ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("read ConfigMap: %w", err)
		}
		// Never nil, which means that the object is missing.
		out.configMaps[name] = map[string]string{}
		maps.Copy(out.configMaps[name], object.Data)
	}
	for _, name := range secrets {
		object, err := core.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("read Secret: %w", err)
		}
		data := map[string]string{}
		for key, value := range object.Data {
			data[key] = string(value)
		}
		out.secrets[name] = data
	}
	return out, nil
}

// serviceEnv returns the variables about Services that a kubelet sets for every
// container: the API server's address and, unless the pod disables it, those of its
// namespace's Services.
func (a *agent) serviceEnv(pod *corev1.Pod) (environment, error) {
	var env environment
	api, err := a.services.Services(metav1.NamespaceDefault).Get("kubernetes")
	if err != nil {
		// The API server creates it soon after its start. Every program needs it.
		return nil, &refusal{"CreateContainerConfigError", "services have not yet been read at least once, cannot construct envvars"}
	}
	env = append(env, serviceVariables(api)...)
	if pod.Spec.EnableServiceLinks != nil && !*pod.Spec.EnableServiceLinks {
		return env, nil
	}
	services, err := a.services.Services(pod.Namespace).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	slices.SortFunc(services, func(x, y *corev1.Service) int { return strings.Compare(x.Name, y.Name) })
	for _, service := range services {
		env = append(env, serviceVariables(service)...)
	}
	return env, nil
}

// serviceVariables are the variables of one Service:
//
//	NAME_SERVICE_HOST, NAME_SERVICE_PORT, NAME_SERVICE_PORT_PORTNAME
//	NAME_PORT=tcp://IP:PORT, NAME_PORT_80_TCP=…, …_PROTO, …_PORT, …_ADDR
func serviceVariables(service *corev1.Service) environment {
	ip := service.Spec.ClusterIP
	if ip == "" || ip == corev1.ClusterIPNone || len(service.Spec.Ports) == 0 {
		return nil
	}
	upper := func(text string) string { return strings.ToUpper(strings.ReplaceAll(text, "-", "_")) }
	name := upper(service.Name)
	var env environment
	env.set(name+"_SERVICE_HOST", ip)
	env.set(name+"_SERVICE_PORT", strconv.Itoa(int(service.Spec.Ports[0].Port)))
	for i, port := range service.Spec.Ports {
		number, protocol := strconv.Itoa(int(port.Port)), string(cmp.Or(port.Protocol, corev1.ProtocolTCP))
		if port.Name != "" {
			env.set(name+"_SERVICE_PORT_"+upper(port.Name), number)
		}
		link := strings.ToLower(protocol) + "://" + net.JoinHostPort(ip, number)
		if i == 0 {
			env.set(name+"_PORT", link)
		}
		prefix := name + "_PORT_" + number + "_" + protocol
		env.set(prefix, link)
		env.set(prefix+"_PROTO", strings.ToLower(protocol))
		env.set(prefix+"_PORT", number)
		env.set(prefix+"_ADDR", ip)
	}
	return env
}
