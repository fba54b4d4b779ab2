package override

import (
	"context"
	"log/slog"
	"slices"

	"github.com/overrides-mesh/overrides/pkg/override/internal/grammar"
)

// Requested returns the well-formed overrides of both carriers in canonical form, such as
// "service-3:v2" and "*:pr-118;strict", each once, in the order of the carriers: for logs
// and spans. Whether an override was followed is not known here.
func (c Carriers) Requested() []string {
	if c.IsZero() {
		return nil
	}
	inHeader, _ := grammar.Parse(c.Override()...)
	inBaggage, _ := grammar.ParseBaggage(c.Baggage()...)
	var out []string
	for _, member := range append(inHeader, inBaggage...) {
		if text := member.String(); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// The names of attributes of logs and spans.
const (
	// RequestedKey is for the overrides of the request, as of [Carriers.Requested].
	RequestedKey = "override.requested"
	// ServedKey is for what answers the request: service:version.
	ServedKey = "override.served"
)

// LogHandler returns a handler for [log/slog] that passes records on to next, and adds
// [RequestedKey] to those whose context has an override, and [ServedKey] with served, the
// service and version of this program, such as "service-3:v2", unless served is empty.
// Records of other requests are unchanged.
func LogHandler(next slog.Handler, served string) slog.Handler {
	return &logHandler{next: next, served: served}
}

type logHandler struct {
	next   slog.Handler
	served string
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	if requested := FromContext(ctx).Requested(); len(requested) > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Any(RequestedKey, requested)) //nolint:sloglint // a name as of spans, with a dot
		if h.served != "" {
			record.AddAttrs(slog.String(ServedKey, h.served)) //nolint:sloglint // as above
		}
	}
	return h.next.Handle(ctx, record)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{next: h.next.WithAttrs(attrs), served: h.served}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{next: h.next.WithGroup(name), served: h.served}
}
