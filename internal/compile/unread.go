package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// unreadNames names what is behind a Service and is not read.
func unreadNames(list []model.Unread) []string {
	var out []string
	for _, u := range list {
		out = append(out, u.Object.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// servesUnread reports whether endpoints that are not read may serve ordinary requests: they
// are no previews. A pin that waits for other pods would take these requests from them.
func (g *given) servesUnread() bool {
	return slices.ContainsFunc(g.Unread, func(u model.Unread) bool { return u.Labels[PreviewLabel] != "true" })
}

func reportUnread(s *model.Service, r *reporter, format string, args ...any) {
	r.report(s, diag.UnreadEndpoints, "it also has endpoints from %s: "+format, append([]any{enumerate(unreadNames(s.Unread))}, args...)...)
}

// reportUnreadPinned reports what a pin does to endpoints that are not read: those whose
// labels are not those of the pin, or are not known, get no ordinary requests.
func reportUnreadPinned(s *model.Service, parts []part, why string, r *reporter) {
	var without, with []model.Unread
	for _, u := range s.Unread {
		pinned := slices.ContainsFunc(parts, func(p part) bool { return u.Labels != nil && model.HasLabels(u.Labels, p.labels) })
		if pinned {
			with = append(with, u)
		} else {
			without = append(without, u)
		}
	}
	switch {
	case len(s.Unread) == 0:
	case len(parts) == 0:
		reportUnread(s, r, "they get ordinary requests as before")
	case len(without) > 0:
		names := unreadNames(without)
		r.report(s, diag.UnreadEndpoints, "it also has endpoints from %s: they get no ordinary requests while these are pinned to the released pods (%s)", enumerate(names), why)
	default:
		names := unreadNames(with)
		r.report(s, diag.UnreadEndpoints, "it also has endpoints from %s: they have the labels of the released pods, and keep their share of ordinary requests", enumerate(names))
	}
}
