package agent

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const envContainer = `
name: main
resources: {limits: {cpu: 1500m}, requests: {memory: 64Mi}}
envFrom:
- configMapRef: {name: words}
- prefix: P_
  secretRef: {name: secret}
- configMapRef: {name: missing, optional: true}
env:
- {name: A, value: a}
- {name: B, value: "$(A)-$(HELLO)-$(LATER)-$$(A)"}
- {name: LATER, value: x}
- {name: HELLO, value: again}
- {name: HOST, value: "$(WEB_SERVICE_HOST)"}
- {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
- {name: APP, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app.kubernetes.io/name']"}}}
- {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['note']"}}}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
- {name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
- {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
- {name: MEMORY, valueFrom: {resourceFieldRef: {resource: requests.memory, divisor: 1Mi}}}
- {name: KEY, valueFrom: {configMapKeyRef: {name: words, key: HELLO}}}
- {name: TOKEN, valueFrom: {secretKeyRef: {name: secret, key: token}}}
- {name: OPTIONAL, valueFrom: {secretKeyRef: {name: secret, key: none, optional: true}}}
`

func TestContainerEnv(t *testing.T) {
	t.Parallel()
	c := &corev1.Container{}
	if err := yaml.UnmarshalStrict([]byte(envContainer), c); err != nil {
		t.Fatal(err)
	}
	configMaps, secrets := references(c)
	if diff := cmp.Diff([][]string{{"missing", "words"}, {"secret"}}, [][]string{configMaps, secrets}); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", UID: "u1", Labels: map[string]string{"app.kubernetes.io/name": "shop"}, Annotations: map[string]string{"note": "n"},
		},
		Spec: corev1.PodSpec{ServiceAccountName: "sa"},
	}
	at := place{pod: netip.MustParseAddr("10.244.1.1"), host: netip.MustParseAddr("10.244.0.1")}
	found := values{
		configMaps: map[string]map[string]string{"words": {"HELLO": "hello", "BYE": "bye"}},
		secrets:    map[string]map[string]string{"secret": {"token": "t"}},
	}
	base := environment{{"WEB_SERVICE_HOST", "10.96.0.5"}, {"A", "replaced"}}
	env, err := containerEnv(base, pod, c, at, found)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"WEB_SERVICE_HOST=10.96.0.5", "BYE=bye", "P_token=t", "A=a", "B=a-hello-$(LATER)-$(A)", "LATER=x", "HELLO=again", "HOST=10.96.0.5",
		"NAME=web", "UID=u1", "APP=shop", "NOTE=n", "POD_IP=10.244.1.1", "HOST_IP=10.244.0.1", "ACCOUNT=sa",
		"CPU=2", "MEMORY=64", "KEY=hello", "TOKEN=t",
	}
	if diff := cmp.Diff(want, env.strings()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(base) != 2 {
		t.Error("the input was changed")
	}
}

func TestContainerEnvErrors(t *testing.T) {
	t.Parallel()
	found := values{configMaps: map[string]map[string]string{"words": {}}}
	for name, text := range map[string]string{
		`configmap "none" not found`:                   `{envFrom: [{configMapRef: {name: none}}]}`,
		`secret "none" not found`:                      `{envFrom: [{secretRef: {name: none}}]}`,
		`couldn't find key k in configmap words`:       `{env: [{name: A, valueFrom: {configMapKeyRef: {name: words, key: k}}}]}`,
		`secret "words" not found`:                     `{env: [{name: A, valueFrom: {secretKeyRef: {name: words, key: k}}}]}`,
		`the agent knows no field status.qos of a pod`: `{env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.qos}}}]}`,
		`the agent knows no resource cpu`:              `{env: [{name: A, valueFrom: {resourceFieldRef: {resource: cpu}}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &corev1.Container{}
			if err := yaml.Unmarshal([]byte(text), c); err != nil {
				t.Fatal(err)
			}
			if _, err := containerEnv(nil, &corev1.Pod{}, c, place{}, found); err == nil || err.Error() != name {
				t.Errorf("%v, want %s", err, name)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	lookup := environment{{"A", "1"}, {"EMPTY", ""}}.lookup
	for text, want := range map[string]string{
		"":            "",
		"$(A)":        "1",
		"x$(A)y$(A)":  "x1y1",
		"$(EMPTY).":   ".",
		"$(NONE)":     "$(NONE)",
		"$$(A)":       "$(A)",
		"$$$(A)":      "$1",
		"$A $":        "$A $",
		"$(A":         "$(A",
		"$()":         "$()",
		"$(NONE)$(A)": "$(NONE)1",
	} {
		if got := expand(text, lookup); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestResourceOfAnother(t *testing.T) {
	t.Parallel()
	limits := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "a"}, {Name: "b", Resources: corev1.ResourceRequirements{Limits: limits}},
	}}}
	ref := &corev1.ResourceFieldSelector{ContainerName: "b", Resource: "limits.memory"}
	if got, err := resourceField(ref, pod, &pod.Spec.Containers[0]); err != nil || got != "1073741824" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	program := Program{Path: "/bin/app", Args: []string{"--default"}}
	for _, test := range []struct {
		name    string
		command []string
		args    []string
		want    []string
	}{
		{"the image's", nil, nil, []string{"/bin/app", "--default"}},
		{"args", nil, []string{"--a=$(A)"}, []string{"/bin/app", "--a=1"}},
		{"command", []string{"sh", "-c"}, nil, []string{"sh", "-c"}},
		{"both", []string{"sh"}, []string{"-c"}, []string{"sh", "-c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := commandLine(program, &corev1.Container{Command: test.command, Args: test.args}, environment{{"A", "1"}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceVariables(t *testing.T) {
	t.Parallel()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "my-web"},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.96.0.5", Ports: []corev1.ServicePort{{Name: "http-a", Port: 80}, {Name: "b", Port: 90, Protocol: corev1.ProtocolUDP}}},
	}
	want := []string{
		"MY_WEB_SERVICE_HOST=10.96.0.5", "MY_WEB_SERVICE_PORT=80", "MY_WEB_SERVICE_PORT_HTTP_A=80",
		"MY_WEB_PORT=tcp://10.96.0.5:80",
		"MY_WEB_PORT_80_TCP=tcp://10.96.0.5:80", "MY_WEB_PORT_80_TCP_PROTO=tcp", "MY_WEB_PORT_80_TCP_PORT=80", "MY_WEB_PORT_80_TCP_ADDR=10.96.0.5",
		"MY_WEB_SERVICE_PORT_B=90",
		"MY_WEB_PORT_90_UDP=udp://10.96.0.5:90", "MY_WEB_PORT_90_UDP_PROTO=udp", "MY_WEB_PORT_90_UDP_PORT=90", "MY_WEB_PORT_90_UDP_ADDR=10.96.0.5",
	}
	if diff := cmp.Diff(want, serviceVariables(service).strings()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	if got := serviceVariables(service); got != nil {
		t.Errorf("a headless Service has %v", got)
	}
}
