package prove

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// shared reports whether another diagnostic says that all pods get ordinary traffic from
// all callers.
func (f *doorFinder) shared() bool {
	return f.said(diag.OrdinaryTrafficShared) != nil || f.said(diag.ReleasedNotFound) != nil
}

// leftAlone returns the diagnostic that says why the Service is left alone, nil if there
// is none.
func (f *doorFinder) leftAlone() *diag.Diagnostic {
	if f.service.State != compile.Skipped {
		return nil
	}
	return f.said(f.service.Reason)
}

// said returns the diagnostic of a code about the Service, nil if there is none.
func (f *doorFinder) said(code diag.Code) *diag.Diagnostic {
	object := f.of.Object()
	for i := range f.result.Diagnostics {
		if d := &f.result.Diagnostics[i]; d.Code == code && d.Object == object {
			return d
		}
	}
	return nil
}

// tell adds a diagnostic about the Service, and returns it so that it can be changed.
func (f *doorFinder) tell(code diag.Code, format string, args ...any) *diag.Diagnostic {
	f.result.Diagnostics = append(f.result.Diagnostics, diag.New(code, f.of.Object(), format, args...).At(f.of.Origin))
	return &f.result.Diagnostics[len(f.result.Diagnostics)-1]
}

// saySidecars reports callers whose sidecars don't pin, unless another diagnostic does.
func (f *doorFinder) saySidecars(d *compile.Door) {
	may := ""
	if d.Unknown != "" {
		may = "may "
	}
	switch why := f.leftAlone(); {
	case why != nil:
		why.Message += fmt.Sprintf("; ordinary requests from %s %sreach %s", d.Callers, may, f.previews())
		why.Severity = max(why.Severity, diag.Warning)
	case d.Unknown != "":
		f.tell(diag.CallersNotPinned, "ordinary requests from %s may reach %s: the routes of %s are not known", d.Callers, f.previews(), d.Unknown)
	case f.shared():
	case f.service.State == compile.Skipped:
		f.tell(diag.CallersNotPinned, "ordinary requests from %s reach %s, since the Service is left alone (%s)", d.Callers, f.previews(), f.service.Reason).
			Fix = "correct the reason why the Service is left alone"
	default:
		f.tell(diag.CallersNotPinned, "ordinary requests from %s reach %s", d.Callers, f.previews())
	}
}

// say reports the doors that are not pinned.
func (f *doorFinder) say() {
	for _, d := range f.service.Doors {
		if d.Pinned {
			continue
		}
		switch d.Kind {
		case compile.DoorSidecars:
			f.saySidecars(&d)
		case compile.DoorRoute:
			f.tell(diag.CallersNotPinned, "ordinary requests to %s from %s reach %s", d.Name, d.Callers, f.previews())
		case compile.DoorMirror:
			f.tell(diag.CallersNotPinned, "mirrored requests to %s from %s reach %s", d.Name, d.Callers, f.previews())
		case compile.DoorSubset:
			f.tell(diag.SubsetHoldsPreview, "ordinary requests are routed to subset %s, and it also selects %s", d.Name, f.previews())
		case compile.DoorServiceEntry:
			f.tell(diag.ServiceEntryReachesPods, "%s also selects %s", d.Name, f.previews())
		case compile.DoorGateway:
			f.tell(diag.EntranceNotPinned, "%s; ordinary requests there reach %s", f.unfollowed(d.Name), f.previews()).
				Covers = diag.GatewayRoutes
		case compile.DoorEntrance:
			f.tell(diag.EntranceNotPinned, "%s leads to it: ordinary requests there reach %s", d.Name, f.previews())
		case compile.DoorExposed:
			f.tell(diag.ExposedWithoutMesh, "%s also leads to %s", d.Name, f.previews())
		case compile.DoorNoSidecar:
			f.tell(diag.CallersWithoutSidecar, "requests of callers without a sidecar (%s) reach %s", d.Name, f.previews())
		case compile.DoorDetectedPort:
			f.tell(diag.DetectedPortShared, "the protocol of port %s is not declared: connections that don't carry HTTP reach %s", d.Name, f.previews())
		case compile.DoorOtherPort:
			if f.service.Reason == diag.NoHTTPPort {
				continue // which says so of all ports
			}
			f.tell(diag.NonHTTPPortShared, "port %s does not carry HTTP: the pods of all versions share its traffic", d.Name)
		}
	}
}

// unfollowed says why overrides are not followed at a gateway that a VirtualService leads
// from, as another diagnostic about the Service does.
func (f *doorFinder) unfollowed(name string) string {
	object := f.of.Object()
	for i := range f.result.Diagnostics {
		if d := &f.result.Diagnostics[i]; d.Code == diag.GatewayRoutes && d.Object == object && strings.HasPrefix(d.Message, name+" ") {
			return d.Message
		}
	}
	return name + " leads to it from a gateway, which does not follow overrides"
}

// previews names the workloads of the previews.
func (f *doorFinder) previews() string {
	var names []string
	for _, b := range f.service.Previews {
		names = append(names, b.Workload.String())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 1 {
		return names[0] + ", which is not released"
	}
	return few(names) + ", which are not released"
}
