package prove

import (
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// rounds limits how often objects are left out. Each round leaves out those that failed
// in the previous one; the last rounds leave out whole objects.
const rounds = 8

// Compile returns the objects for snapshot that pass the proof, and reports those that
// don't. The report is about the objects made, and has no failures; the failures of
// objects that are not made are in Refused.
func Compile(snapshot *model.Snapshot) (compile.Result, Report) {
	return Made(snapshot, func(refused compile.Rejected) compile.Result { return compile.Without(snapshot, refused) })
}

// Made is [Compile] with another function to compile.
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
		// If an object fails although it was refused, this is a bug in Overrides: nothing
		// is made at all.
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

// refuse records the callers for which an object must not be made because of a failure,
// or that it must not be made at all.
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

// sayAll adds the diagnostics of the proof to a result.
func sayAll(result *compile.Result, report Report) {
	byHost := map[string]*compile.Service{}
	for i := range result.Services {
		byHost[result.Services[i].Host] = &result.Services[i]
	}
	for _, s := range report.Split {
		if service := byHost[s.Host]; service != nil {
			object := diag.Object{Kind: "Service", Namespace: service.Namespace, Name: service.Name}
			result.Diagnostics = append(result.Diagnostics, diag.New(diag.AffinityLost, object,
				"%s keeps requests together by a consistent hash, but ordinary traffic is pinned to several subsets, one of which is chosen for each request", s.Rule))
		}
	}
	result.Diagnostics = diag.Sort(result.Diagnostics)
}
