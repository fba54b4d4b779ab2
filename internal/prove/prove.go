package prove

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// rounds bounds how often less is made. Each round leaves out what failed in the one
// before; the last ones whole objects.
const rounds = 8

// Compile makes what follows from snapshot and passes the proof, and says what does not.
// The report is of what is made, and has no failures; those of what is not made are
// refused.
func Compile(snapshot *model.Snapshot) (compile.Result, Report) {
	return Made(snapshot, func(refused compile.Rejected) compile.Result { return compile.Without(snapshot, refused) })
}

// Made is [Compile] with another way to make things.
func Made(snapshot *model.Snapshot, compiled func(compile.Rejected) compile.Result) (compile.Result, Report) {
	refused := compile.Rejected{Namespaces: map[diag.Object]map[string]string{}, Objects: map[diag.Object]string{}}
	users := mesh.New(snapshot)
	var result compile.Result
	var c *checker
	var left []Failure
	for round := range rounds {
		result = compiled(refused)
		if c = check(snapshot, users, &result); len(c.report.Failures) == 0 {
			break
		}
		left = append(left, c.report.Failures...)
		for _, f := range c.report.Failures {
			refuse(&refused, f, round >= rounds/2)
		}
	}
	if failed := c.report.Failures; len(failed) > 0 {
		// What fails though it was refused is a fault of ours: nothing is made at all.
		for _, f := range failed {
			result.Diagnostics = append(result.Diagnostics, diag.New(diag.OrdinaryTrafficWouldChange, f.Object, "not made: %s", f))
		}
		result.Tables, result.SubsetRules = nil, nil
		c = check(snapshot, users, &result)
	}
	c.report.Refused = sorted(left)
	c.doors(&result)
	sayAll(&result, c.report)
	return result, c.report
}

// refuse notes what must not be made for a failure: for some callers, or at all.
func refuse(refused *compile.Rejected, f Failure, whole bool) {
	if f.Object.Kind != "VirtualService" || whole {
		if _, known := refused.Objects[f.Object]; !known {
			refused.Objects[f.Object] = f.String()
		}
		return
	}
	namespaces := refused.Namespaces[f.Object]
	if namespaces == nil {
		namespaces = map[string]string{}
		refused.Namespaces[f.Object] = namespaces
	}
	for _, n := range f.Namespaces {
		if _, known := namespaces[n]; !known {
			namespaces[n] = f.String()
		}
	}
}

// sayAll adds to a result what its proof has to say.
func sayAll(result *compile.Result, report Report) {
	byHost := map[string]*compile.Service{}
	for i := range result.Services {
		byHost[result.Services[i].Host] = &result.Services[i]
	}
	for _, s := range report.Split {
		if service := byHost[s.Host]; service != nil {
			object := diag.Object{Kind: "Service", Namespace: service.Namespace, Name: service.Name}
			result.Diagnostics = append(result.Diagnostics, diag.New(diag.AffinityLost, object,
				"%s keeps requests together by a consistent hash, but ordinary traffic is pinned to several subsets, of which each request draws one", s.Rule))
		}
	}
	result.Diagnostics = diag.Sort(result.Diagnostics)
}
