package envoy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// backend lets a plan write Envoy's own configuration, for one caller: a virtual host for
// each table, and a list of clusters for each rule. It shows that a plan does not depend
// on Istio's objects.
type backend struct{ mesh *Mesh }

// routesObject and clustersObject are the stored objects.
type (
	routesObject struct {
		Host string
		Rows []storedRow
	}
	storedRow struct {
		Kind route.Kind
		Name string
		// Routes are Envoy's routes for the row.
		Routes []json.RawMessage
	}
	clustersObject struct {
		Host     string
		Subsets  []route.Subset
		Clusters []json.RawMessage
	}
)

func (backend) TableObject(t *route.Table) diag.Object {
	return diag.Object{Kind: "VirtualHost", Namespace: t.Namespace, Name: t.Name}
}

func (backend) RuleObject(r *route.SubsetRule) diag.Object {
	return diag.Object{Kind: "Clusters", Namespace: r.Namespace, Name: r.Name}
}

func (b backend) EncodeTable(t *route.Table) ([]byte, []diag.Diagnostic, error) {
	out := routesObject{Host: t.Hosts[0]}
	for i := range t.Routes {
		row := storedRow{Kind: t.Routes[i].Kind, Name: t.Routes[i].Name}
		for _, r := range b.mesh.tableRoutes(&t.Routes[i], httpPort, &route.Caller{Namespace: t.Namespace}) {
			row.Routes = append(row.Routes, text(r))
		}
		out.Rows = append(out.Rows, row)
	}
	data, err := json.Marshal(out)
	return data, nil, err
}

func (backend) EncodeRule(r *route.SubsetRule) ([]byte, []diag.Diagnostic, error) {
	out := clustersObject{Host: r.Host, Subsets: r.Subsets}
	for _, s := range r.Subsets {
		out.Clusters = append(out.Clusters, text(cluster(clusterName(httpPort, s.Name, r.Host), nil)))
	}
	data, err := json.Marshal(out)
	return data, nil, err
}

func (backend) WithoutRows(of encoded.Object, keep func(string) bool, _ []string) ([]byte, error) {
	var object routesObject
	if err := json.Unmarshal(of.JSON, &object); err != nil {
		return nil, err
	}
	object.Rows = slices.DeleteFunc(object.Rows, func(r storedRow) bool {
		return (r.Kind == route.Override || r.Kind == route.Unavailable) && !keep(r.Name)
	})
	return json.Marshal(object)
}

func (backend) WithoutGrants(object []byte, _ []string) []byte { return object }

func (backend) WithoutSubsets(encoded.Object, func(string) bool) ([]byte, error) {
	panic("no user has a subset here")
}

func (backend) UsersSubsets(*model.Snapshot) []route.PlacedSubsets { return nil }

func text(m proto.Message) json.RawMessage {
	data, err := protojson.Marshal(m)
	if err != nil {
		panic(err)
	}
	return data
}

// store holds the objects, like a control plane.
type store map[diag.Object][]byte

// observed reads the objects back from Envoy's configuration.
func (s store) observed(t *testing.T) []plan.Observed {
	t.Helper()
	var out []plan.Observed
	for name, data := range s {
		o := plan.Observed{Object: name, Managed: data}
		if name.Kind == "VirtualHost" {
			o.Routes = readRoutes(t, data)
		} else {
			o.Subsets = readClusters(t, data)
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	return out
}

func readRoutes(t *testing.T, data []byte) *route.Placed {
	t.Helper()
	var object routesObject
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	var rows []route.PlacedRow
	for _, r := range object.Rows {
		row := route.PlacedRow{Name: r.Name, Override: r.Kind == route.Override || r.Kind == route.Unavailable}
		for _, data := range r.Routes {
			var made routev3.Route
			if err := protojson.Unmarshal(data, &made); err != nil {
				t.Fatal(err)
			}
			if name := made.GetRoute().GetCluster(); name != "" {
				row.Names, row.Single = append(row.Names, clusterNamed(name)), true
			}
		}
		rows = append(rows, row)
	}
	return route.NewPlaced(nil, rows)
}

func readClusters(t *testing.T, data []byte) *route.PlacedSubsets {
	t.Helper()
	var object clustersObject
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	for i, data := range object.Clusters {
		var made clusterv3.Cluster
		if err := protojson.Unmarshal(data, &made); err != nil {
			t.Fatal(err)
		}
		if want := (route.Cluster{Host: object.Host, Subset: object.Subsets[i].Name}); clusterNamed(made.GetName()) != want {
			t.Fatalf("cluster %s is not %v", made.GetName(), want)
		}
	}
	return &route.PlacedSubsets{Host: object.Host, Subsets: object.Subsets}
}

// clusterNamed parses "outbound|80|subset|host".
func clusterNamed(name string) route.Cluster {
	parts := strings.Split(name, "|")
	return route.Cluster{Host: parts[3], Subset: parts[2]}
}

// dangling lists the clusters that stored routes lead to and that are not stored.
func (s store) dangling(t *testing.T) []string {
	t.Helper()
	there := map[route.Cluster]map[string]string{}
	for _, o := range s.observed(t) {
		o.Subsets.AddLabels(there)
	}
	var out []string
	for _, o := range s.observed(t) {
		if o.Routes == nil {
			continue
		}
		for _, c := range o.Routes.Names {
			if _, found := there[c]; c.Subset != "" && !found {
				out = append(out, fmt.Sprint(c))
			}
		}
	}
	return out
}

// cartWith is a mesh with Service cart, and pods of these versions, all ready.
func cartWith(versions ...string) *model.Snapshot {
	s := model.Service{Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"}, Ports: []model.Port{{Number: httpPort, HTTP: true}}}
	s.Settings.ReleasedVersions = []string{"v1"}
	for _, version := range versions {
		s.Backends = append(s.Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: "cart-" + version},
			Labels:   map[string]string{"app": "cart", "version": version}, Pods: 1, Ready: 1,
		})
	}
	return &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{s}}
}

// TestPlanWritesEnvoy adds and removes a version. The plan that leads proxies from one
// VirtualService to the next leads an Envoy from one virtual host to the next: clusters
// exist before routes lead to them, and as long as one does.
func TestPlanWritesEnvoy(t *testing.T) {
	t.Parallel()
	stored, memory := store{}, plan.Memory{}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	options := plan.Options{PropagationDelay: time.Second, DrainDelay: 10 * time.Second}
	var did []string
	run := func(snapshot *model.Snapshot, seconds int) {
		t.Helper()
		result := compile.Compile(snapshot)
		mesh, diags := NewMesh(snapshot, &compile.Result{}, nil)
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		for range seconds {
			out, err := plan.Plan(plan.Input{
				Snapshot: snapshot, Result: &result, Observed: stored.observed(t), Memory: memory, Now: now, Options: options, Backend: backend{mesh},
			})
			if err != nil {
				t.Fatal(err)
			}
			memory, now = out.Memory, now.Add(time.Second)
			for _, step := range out.Steps {
				did = append(did, step.String())
				if step.Action == plan.Delete {
					delete(stored, step.Object.Object)
				} else {
					stored[step.Object.Object] = step.Object.JSON
				}
				if lost := stored.dangling(t); len(lost) > 0 {
					t.Errorf("after %s routes lead to clusters that are not there: %v", step, lost)
				}
			}
		}
	}
	run(cartWith("v1"), 3)
	run(cartWith("v1", "v2"), 3)
	run(cartWith("v1"), 30)
	want := []string{
		"create Clusters shop/cart-overrides", "create VirtualHost shop/cart-overrides", // the version comes
		"update VirtualHost shop/cart-overrides",                                        // and goes: its row at once,
		"delete VirtualHost shop/cart-overrides", "delete Clusters shop/cart-overrides", // the pin and the clusters later
	}
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
