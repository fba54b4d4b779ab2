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
	objects []Unencoded
	// left are the objects that must not be written.
	left  map[diag.Object]bool
	diags []diag.Diagnostic
}

// add adds an object, with the known problems of its specification.
func (c *collector) add(object Unencoded, meta *metav1.ObjectMeta, spec proto.Message, problems []valid.Problem) error {
	c.objects = append(c.objects, object)
	if problems = append(valid.Metadata(meta), problems...); len(problems) > 0 {
		more := ""
		if len(problems) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
		c.leave(object.Object, diag.ObjectInvalid, "it would be refused: %s%s", problems[0], more)
	}
	if mostBytes(meta, spec) <= MaxObjectBytes {
		return nil
	}
	return c.leaveLarge(&object)
}

// fewRoutes routes with the longest patterns are not too large for an object.
const fewRoutes = 100

// TooLarge says which tables would become objects that are larger than the API server accepts.
// It passes over those that can't be encoded, which [Translate] reports.
func TooLarge(tables []route.Table) []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range tables {
		t := &tables[i]
		if t.Attached != nil || len(t.Routes) <= fewRoutes && len(t.Adopted) == 0 {
			continue
		}
		service := VirtualService(t)
		if mostBytes(&service.ObjectMeta, &service.Spec) <= MaxObjectBytes {
			continue
		}
		if d, _ := tooLarge(&Unencoded{Object: TableObject(t), table: t}); d != nil {
			out = append(out, *d)
		}
	}
	return out
}

// leaveLarge leaves out an object that is too large.
func (c *collector) leaveLarge(object *Unencoded) error {
	d, err := tooLarge(object)
	if d != nil {
		c.leave(d.Object, d.Code, "%s", d.Message)
	}
	return err
}

// tooLarge returns a diagnostic if the API server would not accept an object for its size.
func tooLarge(object *Unencoded) (*diag.Diagnostic, error) {
	encoded, err := object.Encode()
	if size := len(encoded.JSON); err == nil && size > MaxObjectBytes {
		d := diag.New(diag.ObjectTooLarge, object.Object, "it would be %d bytes, more than %d", size, MaxObjectBytes)
		return &d, nil
	}
	return nil, err
}

// addHTTPRoute adds the HTTPRoute of a table.
func (c *collector) addHTTPRoute(object Unencoded) error {
	c.objects = append(c.objects, object)
	problem := httpRouteProblem(object.table)
	if problems := valid.Metadata(&metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}); problem == "" && len(problems) > 0 {
		problem = problems[0].String()
	}
	if problem != "" {
		c.leave(object.Object, diag.ObjectInvalid, "it would be refused: %s", problem)
	}
	return c.leaveLarge(&object)
}

// mostBytes returns a size that no encoding of an object exceeds. In JSON, fields of two
// bytes get names of up to 30 characters, and a byte of a text takes up to six.
func mostBytes(meta *metav1.ObjectMeta, spec proto.Message) int {
	metadata := len(meta.Name) + len(meta.Namespace)
	for _, texts := range []map[string]string{meta.Labels, meta.Annotations} {
		for key, text := range texts {
			metadata += len(key) + len(text) + 1
		}
	}
	return 32*proto.Size(spec) + 6*metadata + 1000
}

func (c *collector) leave(object diag.Object, code diag.Code, format string, args ...any) {
	c.left[object] = true
	c.diags = append(c.diags, diag.New(code, object, format, args...))
}

// leaveOut sorts the objects and removes those that can't be written: if two have one
// name, both, since each would undo the other; and with a DestinationRule every
// VirtualService that names its subsets.
func (c *collector) leaveOut(tables []route.Table, rules []route.SubsetRule) {
	slices.SortFunc(c.objects, func(a, b Unencoded) int { return a.Compare(b.Object) })
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
	c.objects = slices.DeleteFunc(c.objects, func(o Unencoded) bool { return c.left[o.Object] })
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
