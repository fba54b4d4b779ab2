// Package generate makes the objects to write for a cluster: compiled, proved, and
// encoded.
package generate

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/closed"
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
	// Closed are the versions that have to be closed, sorted; only [Closed] finds them.
	Closed []closed.Version
}

// From returns the objects for snapshot.
func From(snapshot *model.Snapshot) (Output, error) {
	return With(snapshot, func(refused compile.Rejected) compile.Result { return compile.Without(snapshot, refused) })
}

// With is [From] with another function to compile. Objects that can't be written, because
// they are too large or Istio refuses them, must not be proved with the rest: if there
// are any, the rest is proved again.
func With(snapshot *model.Snapshot, compiled func(compile.Rejected) compile.Result) (Output, error) {
	left := map[diag.Object]bool{}
	var unwritten []diag.Diagnostic
	for {
		var out Output
		out.Result, out.Proof = Fit(snapshot, func(refused compile.Rejected) compile.Result {
			result := compiled(refused)
			result.Tables = slices.DeleteFunc(result.Tables, func(t route.Table) bool { return left[istio.TableObject(&t)] })
			result.SubsetRules = slices.DeleteFunc(result.SubsetRules, func(r route.SubsetRule) bool { return left[istio.RuleObject(&r)] })
			return result
		})
		objects, found, err := istio.Translate(out.Tables, out.SubsetRules)
		if err != nil {
			return Output{}, err
		}
		unwritten = append(unwritten, found...)
		if len(found) == 0 {
			out.Objects, out.Diagnostics = objects, append(out.Diagnostics, unwritten...)
			return out, nil
		}
		leave(left, &out.Result, objects)
	}
}

// Fit compiles, and proves the result. A VirtualService that would be larger than the API server
// accepts is made without its overrides: as long as there are previews, ordinary requests need
// its pin.
func Fit(snapshot *model.Snapshot, compiled func(compile.Rejected) compile.Result) (compile.Result, prove.Report) {
	large := map[diag.Object]bool{}
	var diags []diag.Diagnostic
	for {
		result, proof := prove.Made(snapshot, func(refused compile.Rejected) compile.Result {
			refused.TooLarge = large
			return compiled(refused)
		})
		found, again := istio.TooLarge(result.Tables), false
		for _, d := range found {
			if !large[d.Object] {
				large[d.Object], again = true, true
				d.Message += "; it follows no override, so that it can pin ordinary requests"
				diags = append(diags, d)
			}
		}
		if !again {
			// One that is too large without its overrides, too, can't be written at all.
			diags = slices.DeleteFunc(diags, func(d diag.Diagnostic) bool {
				return slices.ContainsFunc(found, func(f diag.Diagnostic) bool { return f.Object == d.Object })
			})
			result.Diagnostics = append(result.Diagnostics, diags...)
			return result, proof
		}
	}
}

// leave records the tables and rules of result that have no object.
func leave(left map[diag.Object]bool, result *compile.Result, objects []istio.Unencoded) {
	written := map[diag.Object]bool{}
	for _, o := range objects {
		written[o.Object] = true
	}
	for i := range result.Tables {
		if o := istio.TableObject(&result.Tables[i]); !written[o] {
			left[o] = true
		}
	}
	for i := range result.SubsetRules {
		if o := istio.RuleObject(&result.SubsetRules[i]); !written[o] {
			left[o] = true
		}
	}
}
