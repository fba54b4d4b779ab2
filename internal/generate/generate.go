// Package generate makes the objects to write for a cluster: compiled, proved, and
// encoded.
package generate

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Output is the result. Its tables and rules are those of its objects.
type Output struct {
	compile.Result
	// Proof is the proof of the objects.
	Proof   prove.Report
	Objects []istio.Unencoded
}

// From returns the objects for snapshot.
func From(snapshot *model.Snapshot) (Output, error) {
	return With(snapshot, func(refused compile.Rejected) compile.Result { return compile.Without(snapshot, refused) })
}

// With is [From] with another function to compile. Objects that can't be written, because
// they are too large or Istio refuses them, must not be proved with the rest: if there
// are any, the rest is proved again. A VirtualService that is too large is first made without
// its overrides: as long as there are previews, ordinary requests need its pin.
func With(snapshot *model.Snapshot, compiled func(compile.Rejected) compile.Result) (Output, error) {
	u := unwritten{large: map[diag.Object]bool{}, left: map[diag.Object]bool{}}
	for {
		var out Output
		out.Result, out.Proof = prove.Made(snapshot, func(refused compile.Rejected) compile.Result {
			refused.TooLarge = u.large
			result := compiled(refused)
			result.Tables = slices.DeleteFunc(result.Tables, func(t route.Table) bool { return u.left[istio.TableObject(&t)] })
			result.SubsetRules = slices.DeleteFunc(result.SubsetRules, func(r route.SubsetRule) bool { return u.left[istio.RuleObject(&r)] })
			return result
		})
		objects, found, err := istio.Translate(out.Tables, out.SubsetRules)
		if err != nil {
			return Output{}, err
		}
		if len(found) == 0 {
			out.Objects, out.Diagnostics = objects, append(out.Diagnostics, u.diags...)
			return out, nil
		}
		u.add(&out.Result, objects, found)
	}
}

// unwritten are objects that can't be written, and why.
type unwritten struct {
	// large are the VirtualServices that are made without overrides, left the objects that are
	// not made.
	large, left map[diag.Object]bool
	diags       []diag.Diagnostic
}

// add records the tables and rules of a result that have no object, as found says.
func (u *unwritten) add(result *compile.Result, objects []istio.Unencoded, found []diag.Diagnostic) {
	written := map[diag.Object]bool{}
	for _, o := range objects {
		written[o.Object] = true
	}
	for _, d := range found {
		// If it is still too large without its overrides, that is said instead.
		u.diags = slices.DeleteFunc(u.diags, func(o diag.Diagnostic) bool { return o.Object == d.Object && o.Code == diag.ObjectTooLarge })
		if d.Code == diag.ObjectTooLarge && d.Object.Kind == "VirtualService" && !u.large[d.Object] {
			u.large[d.Object], written[d.Object] = true, true
			d.Message += "; it follows no override, so that it can pin ordinary requests"
		}
		u.diags = append(u.diags, d)
	}
	for i := range result.Tables {
		if o := istio.TableObject(&result.Tables[i]); !written[o] {
			u.left[o] = true
		}
	}
	for i := range result.SubsetRules {
		if o := istio.RuleObject(&result.SubsetRules[i]); !written[o] {
			u.left[o] = true
		}
	}
}
