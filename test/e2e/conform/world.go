package conform

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/route"
)

// World is a small cluster, in a short form.
type World struct {
	// Name is the name of its folder.
	Name string `json:"-"`
	// About is its purpose.
	About string `json:"about"`
	// Namespaces are created for it. Objects without one are in the first.
	Namespaces []string `json:"namespaces"`
	// Revisions are the revisions of namespaces' proxies, if not "default".
	Revisions map[string]string `json:"revisions"`
	// Mesh names the kind of mesh that it needs, if not an ordinary one.
	Mesh      string     `json:"mesh"`
	Services  []Service  `json:"services"`
	Workloads []Workload `json:"workloads"`
	// Generated is the number of generated cases.
	Generated int `json:"generated"`
	// Vocabulary is the material for generated requests, besides "/".
	Vocabulary Vocabulary `json:"vocabulary"`
	// Corpus are a real application's manifests, as paths below the corpus, which replace
	// the Services and the workloads marked so; "path#name" means only the objects with
	// that name.
	Corpus []string `json:"corpus"`
	// Variants are a user's objects in a world, by name, as paths below the corpus; a
	// world without any has its Objects.
	Variants map[string][]string `json:"variants"`
	// Scoped says that proxies need not have all of its clusters.
	Scoped bool `json:"-"`
	// Objects are more manifests, by file name: those of a user of Istio.
	Objects map[string][]byte `json:"-"`
}

// Vocabulary has the values that the user's routes of a world match.
type Vocabulary struct {
	Paths []string `json:"paths"`
	// Headers are lines "name: value".
	Headers []string `json:"headers"`
	// Hosts are names for the world's Services in requests, besides their own, by
	// Service.
	Hosts map[string][]string `json:"hosts"`
}

// Service is a Kubernetes Service.
type Service struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Annotations map[string]string `json:"annotations"`
	// Selector is app=NAME if it is empty.
	Selector map[string]string `json:"selector"`
	// Alias is the short name of the Service that it is another name of, if any.
	Alias string `json:"alias"`
	// Ports is http, 80, if it is empty.
	Ports []Port `json:"ports"`
}

// Port is a port of a Service, and its target port.
type Port struct {
	Name   string `json:"name"`
	Number uint32 `json:"number"`
	Target uint32 `json:"target"`
}

// Workload is a Deployment of the sample service.
type Workload struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Labels are the labels of its pods, and its selector.
	Labels map[string]string `json:"labels"`
	// Replicas is 1 if it is 0.
	Replicas int32 `json:"replicas"`
	// Env are more variables of its environment.
	Env map[string]string `json:"env"`
	// Ports are the ports of its pods; 8080 if it is empty.
	Ports []uint32 `json:"ports"`
	// Later workloads are created when the others are ready, so they are younger.
	Later bool `json:"later"`
	// Gone workloads have no pods at all.
	Gone bool `json:"gone"`
	// Corpus says that a manifest of the corpus contains it.
	Corpus bool `json:"corpus"`
	// Caller gives its pods a sidecar, and lets cases call from them.
	Caller bool `json:"caller"`
	// Preview workloads must get no ordinary requests.
	Preview bool `json:"preview"`
	// Shared workloads belong to several worlds: a world without Services creates them.
	Shared bool `json:"-"`
}

// defaultPort is the default port of pods.
const defaultPort = 8080

// ParseWorld reads the files of a world: world.yaml, and manifests.
func ParseWorld(name string, files map[string][]byte) (*World, error) {
	w := &World{Name: name, Objects: map[string][]byte{}}
	if err := yaml.UnmarshalStrict(files["world.yaml"], w); err != nil {
		return nil, fmt.Errorf("read world %s: %w", name, err)
	}
	for file, data := range files {
		if file != "world.yaml" {
			w.Objects[file] = data
		}
	}
	if len(w.Namespaces) == 0 || len(w.Services) == 0 {
		return nil, fmt.Errorf("read world %s: it has no namespace or no Service", name)
	}
	w.complete()
	return w, nil
}

// complete sets the defaults of world.yaml.
func (w *World) complete() {
	for i := range w.Services {
		s := &w.Services[i]
		s.Namespace = cmp.Or(s.Namespace, w.Namespaces[0])
		if len(s.Selector) == 0 {
			s.Selector = map[string]string{"app": s.Name}
		}
		if len(s.Ports) == 0 {
			s.Ports = []Port{{Name: "http", Number: 80}}
		}
		for j := range s.Ports {
			s.Ports[j].Target = cmp.Or(s.Ports[j].Target, defaultPort)
		}
	}
	for i := range w.Workloads {
		l := &w.Workloads[i]
		if len(l.Labels) == 0 {
			l.Labels = map[string]string{"app": l.Name}
		}
		l.Namespace = cmp.Or(l.Namespace, w.Namespaces[0])
		l.Replicas = cmp.Or(l.Replicas, 1)
		if l.Gone {
			l.Replicas = 0
		}
		if len(l.Ports) == 0 {
			l.Ports = []uint32{defaultPort}
		}
	}
}

// Callers lists the workloads that can call, as "name" or "name.namespace".
func (w *World) Callers() []string {
	var out []string
	for i := range w.Workloads {
		if w.Workloads[i].Caller {
			out = append(out, w.short(w.Workloads[i].Name, w.Workloads[i].Namespace))
		}
	}
	return out
}

// short is the name of an object in cases: with its namespace unless that is the world's
// first.
func (w *World) short(name, namespace string) string {
	if namespace == w.Namespaces[0] {
		return name
	}
	return name + "." + namespace
}

// Workload finds a workload by its short name.
func (w *World) Workload(short string) (*Workload, error) {
	for i := range w.Workloads {
		if w.short(w.Workloads[i].Name, w.Workloads[i].Namespace) == short {
			return &w.Workloads[i], nil
		}
	}
	return nil, fmt.Errorf("find workload %s: there is none in world %s", short, w.Name)
}

// Service finds a Service by its short name.
func (w *World) Service(short string) (*Service, error) {
	for i := range w.Services {
		if w.short(w.Services[i].Name, w.Services[i].Namespace) == short {
			return &w.Services[i], nil
		}
	}
	return nil, fmt.Errorf("find Service %s: there is none in world %s", short, w.Name)
}

// Share adds callers of several worlds, which may not know everything in the world.
func (w *World) Share(callers []Workload) {
	w.Scoped = true
	for _, l := range callers {
		l.Caller, l.Shared = true, true
		w.Workloads = append(w.Workloads, l)
	}
	w.complete()
}

// Together reports whether Services of one namespace decide about those of another, so that
// all have to be read at once.
func (w *World) Together() bool {
	return slices.ContainsFunc(w.Services, func(s Service) bool {
		return strings.Contains(s.Annotations["overrides.mesh/version-of"], ".")
	})
}

// Behind lists the Services that select a workload, by its ID.
func (w *World) Behind(id string) []*Service {
	var out []*Service
	for i := range w.Workloads {
		l := &w.Workloads[i]
		for j := range w.Services {
			if s := &w.Services[j]; l.ID() == id && s.Alias == "" && l.Namespace == s.Namespace && selects(s.Selector, l.Labels) {
				out = append(out, s)
			}
		}
	}
	return out
}

// FQDN is the name of s in every namespace.
func (s *Service) FQDN() string { return s.Name + "." + s.Namespace + ".svc.cluster.local" }

// target returns the target port of a port of s.
func (s *Service) target(number uint32) uint32 {
	for _, p := range s.Ports {
		if p.Number == number {
			return p.Target
		}
	}
	return 0
}

// Labels that give a workload its name in Istio, in order (istio pkg/kube/labels).
const (
	canonicalName = "service.istio.io/canonical-name"
	appName       = "app.kubernetes.io/name"
	app           = "app"
)

// Source is l as proxies know a caller: its pods' labels, and the label that injection
// adds.
func (l *Workload) Source() route.Caller {
	labels := maps.Clone(l.Labels)
	if labels[canonicalName] == "" {
		labels[canonicalName] = cmp.Or(labels[appName], labels[app], l.Name)
	}
	return route.Caller{Namespace: l.Namespace, Labels: labels}
}

// versions lists the versions behind s, including isolated ones, sorted.
func (w *World) versions(s *Service) []string {
	var out []string
	for i := range w.Workloads {
		l := &w.Workloads[i]
		version := l.Labels["version"]
		if version != "" && (l.Namespace == s.Namespace && selects(s.Selector, l.Labels) || w.isolated(s, l)) {
			out = append(out, version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isolated reports whether l is behind an isolated Service of s.
func (w *World) isolated(s *Service, l *Workload) bool {
	return slices.ContainsFunc(w.Services, func(other Service) bool {
		base := other.Annotations["overrides.mesh/version-of"]
		return other.Namespace == l.Namespace && selects(other.Selector, l.Labels) &&
			(other.Namespace == s.Namespace && base == s.Name || base == s.Name+"."+s.Namespace)
	})
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Header is one line of a header.
type Header struct{ Name, Value string }

// ParseHeader reads "name: value"; \t means a tab. One space after the colon is not part
// of the value.
func ParseHeader(line string) (Header, error) {
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return Header{}, fmt.Errorf("read header %q: want name: value", line)
	}
	value = strings.ReplaceAll(strings.TrimPrefix(value, " "), `\t`, "\t")
	return Header{Name: name, Value: value}, nil
}
