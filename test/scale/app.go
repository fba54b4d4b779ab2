package scale

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// appKey identifies a Service.
type appKey struct{ namespace, name string }

// app is one Service, its workloads, and its generated objects.
type app struct {
	key         appKey
	service     *corev1.Service
	deployments map[string]*appsv1.Deployment
	pods        map[string]*corev1.Pod
	slices      map[string]*discoveryv1.EndpointSlice

	want, have state
	// subsetSince is the time since which subsets exist, pinned the time since which the
	// wanted pin is wanted.
	subsetSince map[string]time.Time
	pinned      time.Time
	// pending are wanted changes that are not in place.
	pending map[mark]time.Time
	// losses count how often versions were lost, by the names of their rows.
	losses map[string]*loss
	// history has the events of each object, by its kind.
	history map[string][]moment
}

// state is the wanted or the observed state of a Service.
type state struct {
	// content has objects by kind, as the generator encodes them; says has the
	// information about the Service in existing objects.
	content map[string]string
	says    map[string]*discover.Written
	// rows are the names of routes to versions, subsets those of subsets.
	rows, subsets map[string]bool
	// pin is the target of ordinary traffic.
	pin string
}

// mark is a row or a subset.
type mark struct {
	kind, name string
}

const (
	rowMark    = "row"
	subsetMark = "subset"
)

// loss is how often a version was lost that had been found again.
type loss struct {
	times int
	found time.Time
}

// moment is a change of an object's wanted state, or a write.
type moment struct {
	at      time.Time
	written bool
	content string
}

func newApp(k appKey) *app {
	return &app{
		key: k, deployments: map[string]*appsv1.Deployment{}, pods: map[string]*corev1.Pod{}, slices: map[string]*discoveryv1.EndpointSlice{},
		want: newState(), have: newState(), subsetSince: map[string]time.Time{}, pending: map[mark]time.Time{},
		losses: map[string]*loss{}, history: map[string][]moment{},
	}
}

func newState() state {
	return state{content: map[string]string{}, says: map[string]*discover.Written{}, rows: map[string]bool{}, subsets: map[string]bool{}}
}

// put records an object, or its deletion.
func (a *app) put(object metav1.Object, gone bool) {
	switch x := object.(type) {
	case *corev1.Service:
		if a.service = x; gone {
			a.service = nil
		}
	case *appsv1.Deployment:
		set(a.deployments, x.Name, x, gone)
	case *corev1.Pod:
		set(a.pods, x.Name, x, gone)
	case *discoveryv1.EndpointSlice:
		set(a.slices, x.Name, x, gone)
	}
}

func set[T any](m map[string]T, name string, value T, gone bool) {
	if gone {
		delete(m, name)
		return
	}
	m[name] = value
}

// compile determines the currently wanted state of the Service.
func (a *app) compile() (state, error) {
	out := newState()
	if a.service == nil {
		return out, nil
	}
	objects := discover.Objects{
		Cluster: true, Services: []*corev1.Service{a.service},
		// Without any EndpointSlice, discover would use the pods' own status.
		EndpointSlices: []*discover.EndpointSlice{{}},
	}
	for _, x := range a.slices {
		objects.Put(discover.Trim(x))
	}
	for _, x := range a.deployments {
		objects.Put(discover.Trim(x))
	}
	for _, x := range a.pods {
		objects.Put(discover.Trim(x))
	}
	for _, says := range a.have.says {
		objects.Put(says)
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	made, _, err := istio.Objects(result.Tables, result.SubsetRules)
	if err != nil {
		return out, fmt.Errorf("encode the wanted objects of %s: %w", a.key.name, err)
	}
	for _, o := range made {
		out.content[o.Kind] = string(o.JSON)
	}
	for i := range result.Tables {
		out.addRoutes(result.Tables[i].Routes)
	}
	for i := range result.SubsetRules {
		for _, s := range result.SubsetRules[i].Subsets {
			out.subsets[s.Name] = true
		}
	}
	return out, nil
}

func (s *state) addRoutes(routes []route.Route) {
	var pin []string
	for i := range routes {
		r := &routes[i]
		switch r.Kind {
		case route.Override:
			if !r.Set { // the row of a set comes and goes with that of its version
				s.rows[r.Name] = true
			}
		case route.Released:
			for _, d := range r.Destinations {
				pin = append(pin, d.Subset)
			}
		case route.Ordinary, route.Unavailable:
		}
	}
	s.pin += strings.Join(pin, ",")
}
