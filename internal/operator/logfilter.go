package operator

import (
	"context"
	"log/slog"
	"strings"
)

// terminatingFilter logs the errors about Events in a namespace that is being deleted at
// debug level. The API server rejects such Events, and the operator may not know about the
// deletion when it writes one.
type terminatingFilter struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h terminatingFilter) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError && strings.HasPrefix(r.Message, "Server rejected event") && isTerminating(&r) {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

func isTerminating(r *slog.Record) bool {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		err, isError := a.Value.Any().(error)
		found = found || isError && strings.Contains(err.Error(), "because it is being terminated")
		return !found
	})
	return found
}

// WithAttrs implements [slog.Handler].
func (h terminatingFilter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return terminatingFilter{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h terminatingFilter) WithGroup(name string) slog.Handler {
	return terminatingFilter{h.Handler.WithGroup(name)}
}
