package diag

import "slices"

// Fold returns list without the diagnostics that only repeat the cause of another one, so
// that one mistake in the input is reported once:
//
//	reported                                left out
//	--------------------------------------  -----------------------------------------------
//	a diagnostic that Covers a code         the one of that code, about its subject
//	ReleasedNotFound                        the doors of the Service: no pin, so none is pinned
//	IsolatedBaseNotFound                    SelectsNothing of the same Service
//	a document or file that can't be read   an object that is not found, as it may be in it
//	a Service that can't be decoded         that it is not found; PreviewUnselected
//	a workload that can't be decoded        SelectsNothing, ReleasedNotFound
//	NoServices                              PreviewUnselected
//
// The message of ReleasedUnknown says where ordinary traffic goes: it is added to the
// diagnostic that covers it.
func Fold(list []Diagnostic) []Diagnostic {
	out := slices.Clone(list)
	covered := map[int]bool{}
	for i := range out {
		cause := &out[i]
		if cause.Covers == "" {
			continue
		}
		for j := range out {
			d := &out[j]
			if d.Code != cause.Covers || d.Object != cause.subject() || covered[j] {
				continue
			}
			covered[j] = true
			if d.Code == ReleasedUnknown {
				cause.Message += " (until then " + d.about(cause.Object) + ")"
			}
			cause.Severity = max(cause.Severity, d.Severity)
		}
	}
	missing := missingOf(list)
	kept := out[:0]
	for i := range out {
		if d := out[i]; !covered[i] && !missing.explains(&d) {
			kept = append(kept, d)
		}
	}
	return kept
}

// about returns the message of d, with its object unless that is object.
func (d *Diagnostic) about(object Object) string {
	if d.Object == object {
		return d.Message
	}
	return d.Object.String() + " is " + d.Message
}

// subject returns the object that what d covers is about.
func (d *Diagnostic) subject() Object {
	if d.Target != (Object{}) {
		return d.Target
	}
	return d.Object
}

// missing is what a list of diagnostics says about input that could not be used.
type missing struct {
	// anything is set if a document, or a whole file, could not be read.
	anything bool
	// services is set if there is no Service at all.
	services bool
	// undecoded are the objects that could not be decoded; servicesIn and workloadsIn are
	// the namespaces of those of these kinds.
	undecoded               map[Object]bool
	servicesIn, workloadsIn map[string]bool
	// released are the Services of ReleasedNotFound, isolated those of IsolatedBaseNotFound.
	released, isolated map[Object]bool
}

// workloadKinds are the kinds whose pods Services select.
var workloadKinds = []string{"DaemonSet", "Deployment", "Pod", "ReplicaSet", "Rollout", "StatefulSet"}

func missingOf(list []Diagnostic) missing {
	out := missing{undecoded: map[Object]bool{}, servicesIn: map[string]bool{}, workloadsIn: map[string]bool{}, released: map[Object]bool{}, isolated: map[Object]bool{}}
	for i := range list {
		switch d := &list[i]; d.Code {
		case BrokenDocument, UnreadableFile, NotAnObject, ChartNotRendered:
			out.anything = true
		case NoServices:
			out.services = true
		case ReleasedNotFound:
			out.released[d.Object] = true
		case IsolatedBaseNotFound:
			out.isolated[d.Object] = true
		case UndecodableObject:
			out.undecoded[d.Object] = true
			switch {
			case d.Object.Name == "":
				out.anything = true
			case d.Object.Kind == "Service":
				out.servicesIn[d.Object.Namespace] = true
			case slices.Contains(workloadKinds, d.Object.Kind):
				out.workloadsIn[d.Object.Namespace] = true
			}
		default:
		}
	}
	return out
}

// explains reports whether d most likely follows from what is missing.
func (m *missing) explains(d *Diagnostic) bool {
	switch d.Code {
	case PreviewUnselected:
		return m.anything || m.services && d.Target == (Object{}) || m.servicesIn[d.Object.Namespace]
	case SelectsNothing:
		return m.anything || m.workloadsIn[d.Object.Namespace] || m.isolated[d.Object]
	case IsolatedBaseNotFound, PolicyTargetNotFound:
		return d.Target != (Object{}) && (m.anything || m.undecoded[d.Target])
	case ReleasedNotFound:
		return m.workloadsIn[d.Object.Namespace]
	case CallersNotPinned, CallersWithoutSidecar, DetectedPortShared, EntranceNotPinned, ExposedWithoutMesh, NonHTTPPortShared,
		OrdinaryTrafficShared, PinFrozen, ServiceEntryReachesPods, SubsetHoldsPreview, UnreadEndpoints:
		return m.released[d.Object]
	default:
		return false
	}
}
