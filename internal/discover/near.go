package discover

import (
	"cmp"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
)

// A selector that selects nothing is mostly a slip. This file finds the most likely
// workload:
//
//	rank       the pods of a workload
//	---------  -------------------------------------------------------------------
//	elsewhere  have all labels of the selector, in another namespace
//	misspelt   have all but one, whose value is nearly the same
//	renamed    have all but one, whose value is under another key
//	longer     have all but one, whose value has a part more or less
//	lacking    have all but one of several
//
// A workload behind another Service counts only if it is renamed, or misspelt by one
// character of many.
type rank int

const (
	elsewhere rank = iota
	misspelt
	renamed
	longer
	lacking
)

// appKeys are the keys of labels that name the application of pods.
var appKeys = []string{app, appName, "k8s-app", "name", "component", "app.kubernetes.io/component", "service"}

type nearby struct {
	rank rank
	model.Near
}

func compareNear(a, b nearby) int {
	return cmp.Or(
		cmp.Compare(a.rank, b.rank), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload.Kind, b.Workload.Kind),
		cmp.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(a.Has, b.Has), cmp.Compare(a.Lacks, b.Lacks),
	)
}

func (p *Pods) near(has, lacks string) model.Near {
	return model.Near{Namespace: p.Namespace, Workload: p.Workload, Has: has, Lacks: lacks}
}

// nearest returns the workload that the selector of s most likely means; nil for none.
func (a *adviser) nearest(s *Selector) *model.Near {
	var found []nearby
	for i := range a.Elsewhere {
		if p := &a.Elsewhere[i]; model.HasLabels(p.Labels.All, s.Labels) {
			found = append(found, nearby{elsewhere, p.near("", "")})
		}
	}
	for i := range a.Pods {
		if n, ok := a.near(&a.Pods[i], s); ok {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil
	}
	out := slices.MinFunc(found, compareNear).Near
	return &out
}

// near reports whether pods have all labels of the selector of s but one, and nearly that
// one.
func (a *adviser) near(p *Pods, s *Selector) (nearby, bool) {
	missing := ""
	for key, value := range s.Labels {
		if p.Labels.All[key] == value {
			continue
		}
		if missing != "" {
			return nearby{}, false
		}
		missing = key
	}
	wanted := s.Labels[missing]
	value, has := p.Labels.All[missing]
	switch {
	case has && isSlip(value, wanted) && (isSureSlip(value, wanted) || !a.isSelected(p)):
		return nearby{misspelt, p.near(missing+"="+value, "")}, true
	case slices.Contains(appKeys, missing):
		for _, key := range appKeys {
			if p.Labels.All[key] == wanted {
				return nearby{renamed, p.near(key+"="+wanted, "")}, true
			}
		}
	}
	switch {
	case a.isSelected(p):
	case has && (strings.HasPrefix(value, wanted+"-") || strings.HasPrefix(wanted, value+"-")):
		return nearby{longer, p.near(missing+"="+value, "")}, true
	case !has && len(s.Labels) > 1:
		return nearby{lacking, p.near("", missing)}, true
	}
	return nearby{}, false
}

// isSlip reports whether one value is most likely the other, mistyped. Values that differ
// only in their digits are no slip, nor are those that differ in a short part, such as the
// last letter of cart-a.
func isSlip(a, b string) bool {
	const digits = "0123456789"
	without := func(s string) string { return strings.Map(func(r rune) rune { return dropped(r, digits) }, s) }
	if a == "" || b == "" || without(a) == without(b) {
		return false
	}
	if strings.EqualFold(a, b) {
		return true
	}
	parts, others := strings.FieldsFunc(a, isSeparator), strings.FieldsFunc(b, isSeparator)
	if len(parts) != len(others) {
		return isShortWay(a, b)
	}
	for i := range parts {
		if parts[i] != others[i] && !isShortWay(parts[i], others[i]) {
			return false
		}
	}
	return isShortWay(a, b)
}

func isSeparator(r rune) bool { return r == '-' || r == '_' || r == '.' }

// isShortWay reports whether two words differ in few characters.
func isShortWay(a, b string) bool {
	most := min(max(len(a), len(b))/3, 2)
	return max(len(a), len(b))-min(len(a), len(b)) <= most && distance(a, b) <= most
}

// isSureSlip reports whether a value can hardly be anything but a slip of the other.
func isSureSlip(a, b string) bool {
	const long = 6
	return min(len(a), len(b)) >= long && distance(a, b) == 1 || strings.EqualFold(a, b)
}

// dropped returns r, or the value that [strings.Map] drops if some contains r.
func dropped(r rune, some string) rune {
	if strings.ContainsRune(some, r) {
		return -1
	}
	return r
}

// distance counts the characters to add, remove, replace or swap with their neighbour to
// turn a into b.
func distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			now[j+1] = min(replaced, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
