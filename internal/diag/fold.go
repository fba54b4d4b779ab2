package diag

import "slices"

// Fold returns list without the diagnostics that only repeat the cause of another one, so
// that one mistake in the input is reported once:
//
//	reported                                   left out
//	-----------------------------------------  ----------------------------------------
//	a diagnostic that Covers a code            the one of that code, about its subject
//	something that could not be read           PreviewUnselected, as the Service may be in it
//	NoServices                                 PreviewUnselected
//
// What ReleasedUnknown says about ordinary traffic is added to the diagnostic that covers it.
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
	kept := out[:0]
	for i, d := range out {
		if !covered[i] && !d.explained(list) {
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

// explained reports whether d follows from input that is missing in list.
func (d *Diagnostic) explained(list []Diagnostic) bool {
	if d.Code != PreviewUnselected || d.Target != (Object{}) {
		return false
	}
	return slices.ContainsFunc(list, func(other Diagnostic) bool {
		switch other.Code {
		case NoServices, BrokenDocument, UnreadableFile, ChartNotRendered:
			return true
		case UndecodableObject:
			return other.Object.Kind == "Service" && other.Object.Namespace == d.Object.Namespace
		default:
			return false
		}
	})
}
