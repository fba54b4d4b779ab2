package istio_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/internal/source"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/same"
)

// cluster has the users' objects, and the objects that Overrides adds.
type cluster struct {
	users    []byte
	objects  []istio.Object
	made     []byte
	snapshot *model.Snapshot
	result   compile.Result
	diags    []diag.Diagnostic
	// planted says whether a fault changed anything.
	planted bool
}

// readCluster processes manifests like the command.
func readCluster(ctx context.Context, users []byte) (*cluster, error) {
	return readWith(ctx, users, func(*compile.Result) bool { return true })
}

// readWith is readCluster with a fault in the compiled result, before the proof.
func readWith(ctx context.Context, users []byte, plant func(*compile.Result) bool) (*cluster, error) {
	c := &cluster{users: users}
	objects, diags, err := source.Read(ctx, []string{"-"}, bytes.NewReader(users), source.FileOptions{})
	if err != nil {
		return nil, err
	}
	snapshot, found := objects.Snapshot(model.DefaultOptions())
	diags = append(diags, found...)
	c.snapshot = snapshot
	made, err := generate.With(snapshot, func(refused compile.Rejected) compile.Result {
		result := compile.Without(snapshot, refused)
		c.planted = plant(&result) || c.planted
		return result
	})
	if err != nil {
		return nil, err
	}
	if c.objects, err = istio.Encode(made.Objects); err != nil {
		return nil, err
	}
	c.result = made.Result
	c.diags = diag.Sort(append(diags, c.result.Diagnostics...))
	for _, o := range c.objects {
		data, err := o.YAML()
		if err != nil {
			return nil, err
		}
		c.made = append(append(c.made, "---\n"...), data...)
	}
	return c, nil
}

// age is the age of the objects that Overrides adds, relative to the users'.
type age struct {
	name, created string
	// reverse changes names so that the last object by name comes first.
	reverse bool
}

// ages are all ages that may make a difference: istiod sorts by age, and objects of equal
// age by name. Objects without an age are equally old.
func (c *cluster) ages() []age {
	out := []age{
		{name: "younger", created: younger},
		{name: "younger, the last by name first", created: younger, reverse: true},
		{name: "older", created: older},
		{name: "as old"},
	}
	var stamps []string
	for _, match := range timestamps.FindAllSubmatch(c.users, -1) {
		stamps = append(stamps, string(match[1]))
	}
	slices.Sort(stamps)
	for _, stamp := range slices.Compact(stamps) {
		out = append(out, age{name: "of " + stamp, created: stamp})
	}
	return out
}

// Times before and after all other objects' creation.
const older, younger = "1990-01-01T00:00:00Z", "2040-01-01T00:00:00Z"

var timestamps = regexp.MustCompile(`creationTimestamp: "?([-0-9T:Z]{20})`)

// with returns all objects; those that Overrides adds have age a.
func (c *cluster) with(a age) []byte {
	if a.created == "" {
		return slices.Concat(c.users, []byte("\n---\n"), c.made)
	}
	parts := strings.Split(string(c.made), "---\n")
	if a.reverse {
		slices.SortStableFunc(parts, func(a, b string) int { return cmp.Compare(name.FindString(b), name.FindString(a)) })
	}
	from, _ := time.Parse(time.RFC3339, a.created)
	for i, part := range parts {
		created := a.created
		if a.reverse {
			created = from.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
		}
		parts[i] = strings.ReplaceAll(part, "\nmetadata:\n", "\nmetadata:\n  creationTimestamp: \""+created+"\"\n")
	}
	return slices.Concat(c.users, []byte("\n---\n"), []byte(strings.Join(parts, "---\n")))
}

// name matches the name of a written object.
var name = regexp.MustCompile(`\n  name: .*`)

// load returns the mesh without the objects that Overrides adds, and with them at each
// age.
func (c *cluster) load(options oracle.Options) (before *oracle.Mesh, after []*oracle.Mesh, err error) {
	if before, err = oracle.Load(c.users, options); err != nil {
		return nil, nil, fmt.Errorf("before: %w", err)
	}
	for _, a := range c.ages() {
		mesh, err := oracle.Load(c.with(a), options)
		if err != nil {
			return nil, nil, fmt.Errorf("after, %s: %w", a.name, err)
		}
		after = append(after, mesh)
	}
	return before, after, nil
}

func closeAll(before *oracle.Mesh, after []*oracle.Mesh) {
	for _, mesh := range append([]*oracle.Mesh{before}, after...) {
		mesh.Close()
	}
}

// pin knows the subsets that rows for ordinary requests lead to, and which the user's
// route did not have: they correspond to the destinations of that route.
func (c *cluster) pin() same.Pin {
	named := c.subsetsOfUsers()
	pins := map[same.Target]same.Target{}
	for i := range c.result.Tables {
		for j := range c.result.Tables[i].Routes {
			r := &c.result.Tables[i].Routes[j]
			if r.Kind != route.Ordinary && r.Kind != route.Released {
				continue
			}
			addPins(pins, r)
			for _, to := range mirrorsOf(r.Base) {
				if to.GetSubset() != "" && !named[to.GetSubset()] {
					pins[same.Target{Host: to.GetHost(), Subset: to.GetSubset()}] = same.Target{Host: to.GetHost()}
				}
			}
		}
	}
	return func(host, subset string) (same.Target, bool) {
		pinned, ok := pins[same.Target{Host: host, Subset: subset}]
		return pinned, ok
	}
}

func addPins(pins map[same.Target]same.Target, r *route.Route) {
	var users []string
	for _, d := range r.Base.GetRoute() {
		users = append(users, d.GetDestination().GetSubset())
	}
	slices.Sort(users)
	users = slices.Compact(users)
	for _, d := range r.Destinations {
		if d.Subset == "" || slices.Contains(users, d.Subset) {
			continue
		}
		pinned := same.Target{Host: d.Host}
		if len(users) == 1 {
			pinned.Subset = users[0]
		}
		pins[same.Target{Host: d.Host, Subset: d.Subset}] = pinned
	}
}

// subsetsOfUsers are the names of subsets in users' VirtualServices.
func (c *cluster) subsetsOfUsers() map[string]bool {
	out := map[string]bool{}
	for _, v := range c.snapshot.VirtualServices {
		for _, r := range v.Spec.GetHttp() {
			for _, d := range r.GetRoute() {
				out[d.GetDestination().GetSubset()] = true
			}
			for _, d := range mirrorsOf(r) {
				out[d.GetSubset()] = true
			}
		}
	}
	return out
}

func mirrorsOf(r *istioapi.HTTPRoute) []*istioapi.Destination {
	var out []*istioapi.Destination
	if r.GetMirror() != nil {
		out = append(out, r.GetMirror())
	}
	for _, m := range r.GetMirrors() {
		out = append(out, m.GetDestination())
	}
	return out
}
