package cli

import (
	"encoding/json"
	"fmt"
	"time"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// stays says of Services where their ordinary traffic stays for now, and why: as a plan
// of the operator's says it that knows nothing of earlier ones.
func stays(s *state, there []istio.Object) (map[diag.Object]string, error) {
	in := plan.Input{Snapshot: s.snapshot, Result: &s.result, Now: time.Now(), Options: plan.DefaultOptions()}
	for i := range there {
		seen, err := observe(&there[i])
		if err != nil {
			return nil, err
		}
		in.Observed = append(in.Observed, seen)
	}
	planned, err := plan.Plan(in)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	out := map[diag.Object]string{}
	for _, d := range planned.Diagnostics {
		if d.Code == diag.ReleasedNotReady || d.Code == diag.ReleasedNotFound {
			out[d.Object] = d.Message
		}
	}
	return out, nil
}

// observe reads an object of ours as plans do.
func observe(object *istio.Object) (plan.Observed, error) {
	out := plan.Observed{Object: object.Object, Managed: object.JSON}
	var err error
	switch object.Kind {
	case "VirtualService":
		var v istionetv1.VirtualService
		err = json.Unmarshal(object.JSON, &v)
		out.Routes = plan.ReadRoutes(&v.Spec)
	case "DestinationRule":
		var d istionetv1.DestinationRule
		err = json.Unmarshal(object.JSON, &d)
		out.DestinationRule = &d.Spec
	}
	if err != nil {
		return out, fmt.Errorf("decode %s: %w", object.Object, err)
	}
	return out, nil
}
