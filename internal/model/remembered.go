package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Remembered is the record of what was released while there was something to override,
// from objects of Overrides. Its text is
//
//	Deployment/cart=v1, Deployment/cart=v2; stand-in: Deployment/cart-pr-7=pr-7; pinned: app=cart, track=stable
//
// Only the first part is required. A workload whose pods have no version has no "=":
// "Deployment/cart".
type Remembered struct {
	// Released are the workloads whose pods were released, each with its version.
	Released []Running
	// StandIn are those that get ordinary traffic while none of Released exists.
	StandIn []Running
	// Pinned are the labels that ordinary traffic was pinned by; nil if it was pinned by
	// versions.
	Pinned map[string]string
}

// Running is a workload, and a version of its pods.
type Running struct {
	Workload Workload
	// Version is empty if the pods have no version.
	Version string
}

// String returns "Kind/name=version".
func (r Running) String() string {
	if r.Version == "" {
		return r.Workload.String()
	}
	return r.Workload.String() + "=" + r.Version
}

func (r Running) compare(o Running) int {
	return cmp.Or(cmp.Compare(r.Workload.Kind, o.Workload.Kind), cmp.Compare(r.Workload.Name, o.Workload.Name), cmp.Compare(r.Version, o.Version))
}

const (
	// mostRunning limits each list of a Remembered, maxPinned its labels, and
	// maxRemembered, which is large enough for these, the text that is read.
	mostRunning   = 16
	maxPinned     = 2_000
	maxRemembered = 16_384

	standInPart = "stand-in: "
	pinnedPart  = "pinned: "
)

// String returns the text of r, empty if nothing was released. The order of the lists
// does not matter. Items that exceed the limits are left out.
func (r Remembered) String() string {
	if len(r.Released) == 0 {
		return ""
	}
	out := runningText(r.Released)
	if len(r.StandIn) > 0 {
		out += "; " + standInPart + runningText(r.StandIn)
	}
	if pinned := labelsText(r.Pinned); pinned != "" && len(pinned) <= maxPinned {
		out += "; " + pinnedPart + pinned
	}
	return out
}

func runningText(all []Running) string {
	sorted := slices.SortedFunc(slices.Values(all), Running.compare)
	sorted = slices.Compact(sorted)
	names := make([]string, 0, len(sorted))
	for _, r := range sorted[:min(len(sorted), mostRunning)] {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

func labelsText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ", ")
}

// ParseRemembered parses the result of [Remembered.String].
func ParseRemembered(text string) (Remembered, error) {
	var out Remembered
	if len(text) > maxRemembered {
		return out, fmt.Errorf("it is longer than %d bytes", maxRemembered)
	}
	for i, part := range strings.Split(text, ";") {
		part = strings.TrimSpace(part)
		var err error
		standIn, isStandIn := strings.CutPrefix(part, standInPart)
		pinned, isPinned := strings.CutPrefix(part, pinnedPart)
		switch {
		case i == 0:
			out.Released, err = parseRunning(part)
		case isStandIn && out.StandIn == nil:
			out.StandIn, err = parseRunning(standIn)
		case isPinned && out.Pinned == nil:
			out.Pinned, err = parseLabels(pinned)
		default:
			err = fmt.Errorf("unknown part %q", part)
		}
		if err != nil {
			return Remembered{}, err
		}
	}
	return out, nil
}

func parseRunning(text string) ([]Running, error) {
	var out []Running
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		workload, version, named := strings.Cut(item, "=")
		kind, name, found := strings.Cut(workload, "/")
		if !found || !isName(kind) || !isName(name) || named != (version != "") || named && !isName(version) {
			return nil, fmt.Errorf("%q is not Kind/name=version", item)
		}
		out = append(out, Running{Workload{Kind: kind, Name: name}, version})
	}
	if len(out) > mostRunning {
		return nil, fmt.Errorf("%d workloads, more than %d", len(out), mostRunning)
	}
	return out, nil
}

func parseLabels(text string) (map[string]string, error) {
	out := map[string]string{}
	for item := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(strings.TrimSpace(item), "=")
		if !found || !isName(strings.ReplaceAll(key, "/", "")) || value != "" && !isName(value) {
			return nil, fmt.Errorf("%q is not a label", item)
		}
		if _, again := out[key]; again {
			return nil, fmt.Errorf("the label %s is given twice", key)
		}
		out[key] = value
	}
	if len(text) > maxPinned {
		return nil, fmt.Errorf("labels of more than %d bytes", maxPinned)
	}
	return out, nil
}

// isName reports whether s has only characters of names, versions and labels' values.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_.", r)
	})
}

// Has reports whether a workload is remembered: one of the same name, whatever its
// present kind. Bare pods, which come back under other names, are identified by their
// version.
func Has(all []Running, workload Workload, version string) bool {
	return slices.ContainsFunc(all, func(r Running) bool {
		return r.Workload.Name == workload.Name || r.Workload.Kind == "Pod" && r.Version != "" && r.Version == version
	})
}
