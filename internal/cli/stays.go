package cli

import (
	"fmt"
	"time"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// moment is the present state of the Services, as the first plan of an operator that has
// just started sees it.
type moment struct {
	// stays says where ordinary traffic stays for now, and why.
	stays map[diag.Object]string
	now   map[diag.Object]*current.Service
	// routed are the versions that a route in the cluster leads to.
	routed map[route.Version]plan.Routed
	// label says that no pod has the version label; empty if one has.
	label string
}

func momentOf(s *state, there []istio.Object) (*moment, error) {
	in := plan.Input{Snapshot: s.snapshot, Result: &s.result, Now: time.Now(), Options: plan.DefaultOptions(), Backend: istio.Backend{}}
	for i := range there {
		seen, err := apply.Observe(&there[i])
		if err != nil {
			return nil, err
		}
		in.Observed = append(in.Observed, seen)
	}
	planned, err := plan.Plan(in)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	// The end of a wait depends on when it began, which is not known here.
	for i := range planned.Blocked {
		planned.Blocked[i].Until = time.Time{}
	}
	out := &moment{stays: map[diag.Object]string{}, now: map[diag.Object]*current.Service{}, routed: planned.Routed}
	for _, d := range planned.Diagnostics {
		if d.Code == diag.ReleasedNotReady || d.Code == diag.ReleasedNotFound {
			out.stays[d.Object] = d.Message
		}
	}
	of := current.Input{Snapshot: s.snapshot, Result: &s.result, Planned: &planned, Observed: in.Observed}
	services := current.Services(of)
	for i := range services {
		out.now[services[i].Object()] = &services[i]
	}
	for _, d := range current.LabelUseOf(of).Warnings(s.snapshot.Options.VersionLabel) {
		out.label = d.Message
	}
	return out, nil
}
