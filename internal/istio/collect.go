package istio

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/internal/valid"
)

// collector collects objects, and leaves out those that would be refused.
type collector struct {
	checker valid.Checker
	objects []Object
	// left are the objects that must not be written.
	left  map[diag.Object]bool
	diags []diag.Diagnostic
}

// add adds an object, with the known problems of its specification.
func (c *collector) add(meta *metav1.ObjectMeta, kind string, spec proto.Message, problems []valid.Problem) error {
	object := diag.Object{Kind: kind, Namespace: meta.Namespace, Name: meta.Name}
	data, err := encode(meta, kind, spec)
	if err != nil {
		return fmt.Errorf("encode %s: %w", object, err)
	}
	c.objects = append(c.objects, Object{Object: object, JSON: data})
	if problems = append(valid.Metadata(meta), problems...); len(problems) > 0 {
		more := ""
		if len(problems) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
		c.leave(object, diag.ObjectInvalid, "it would be refused: %s%s", problems[0], more)
	}
	if len(data) > MaxObjectBytes {
		c.leave(object, diag.ObjectTooLarge, "it would be %d bytes, more than %d", len(data), MaxObjectBytes)
	}
	return nil
}

func (c *collector) leave(object diag.Object, code diag.Code, format string, args ...any) {
	c.left[object] = true
	c.diags = append(c.diags, diag.New(code, object, format, args...))
}

// leaveOut sorts the objects and removes those that can't be written: if two have one
// name, both, since each would undo the other; and with a DestinationRule every
// VirtualService that names its subsets.
func (c *collector) leaveOut(tables []route.Table, rules []route.SubsetRule) {
	slices.SortFunc(c.objects, func(a, b Object) int { return a.Compare(b.Object) })
	for i := 1; i < len(c.objects); i++ {
		if o := c.objects[i].Object; o == c.objects[i-1].Object && (i == 1 || o != c.objects[i-2].Object) {
			c.leave(o, diag.ObjectInvalid, "two objects would have this name")
		}
	}
	if len(c.left) == 0 {
		return
	}
	for _, rule := range rules {
		if !c.left[RuleObject(&rule)] {
			continue
		}
		for i := range tables {
			if namesSubsetOf(&tables[i], rule.Host) {
				c.left[TableObject(&tables[i])] = true
			}
		}
	}
	c.objects = slices.DeleteFunc(c.objects, func(o Object) bool { return c.left[o.Object] })
}

// namesSubsetOf reports whether a table sends requests, or mirrors them, to a subset of
// host.
func namesSubsetOf(table *route.Table, host string) bool {
	var named []route.Cluster
	return slices.ContainsFunc(table.Routes, func(r route.Route) bool {
		named = r.AppendClusters(named[:0])
		return slices.ContainsFunc(named, func(c route.Cluster) bool { return c.Host == host && c.Subset != "" })
	})
}
