package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// unread names what stands behind a Service and is not read.
func unread(list []model.Unread) []string {
	var out []string
	for _, u := range list {
		out = append(out, u.Object.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *compiler) sayUnread(s *service, format string, args ...any) {
	names := unread(s.Unread)
	c.say(s, diag.UnreadEndpoints, "behind it %s also %s: "+format, append([]any{agree(names, "is", "are"), list(names)}, args...)...)
}

// checkUnread says what the pin of s does to endpoints that are not read: those of which
// the labels are not those of the pin, or are not known, get no ordinary requests.
func (c *compiler) checkUnread(s *service) {
	var without, with []model.Unread
	for _, u := range s.Unread {
		pinned := slices.ContainsFunc(s.pin.parts, func(p part) bool { return u.Labels != nil && model.HasLabels(u.Labels, p.labels) })
		if pinned {
			with = append(with, u)
		} else {
			without = append(without, u)
		}
	}
	switch {
	case len(s.Unread) == 0, s.reason == diag.ReleasedUnknown: // which says so
	case len(s.pin.parts) == 0:
		c.sayUnread(s, "its pods get ordinary requests as before")
	case len(without) > 0:
		names := unread(without)
		c.say(s, diag.UnreadEndpoints, "behind it %s also %s, which %s no ordinary requests while these are pinned to the released pods (%s)", agree(names, "is", "are"), list(names), agree(names, "gets", "get"), s.released.why)
	default:
		names := unread(with)
		c.say(s, diag.UnreadEndpoints, "behind it %s also %s, which %s the labels of the released pods and %s share of ordinary requests", agree(names, "is", "are"), list(names), agree(names, "has", "have"), agree(names, "keeps its", "keep their"))
	}
}
