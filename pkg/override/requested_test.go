package override_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/pkg/override"
)

func TestRequested(t *testing.T) {
	t.Parallel()
	c := override.ExtractMap(map[string]string{
		"x-override": "service-3:v2 ; strict, bad, *:pr-118",
		"baggage":    "user=alice, override=pr-118, override.service-5.shop = v3;ttl=1",
	})
	if d := diff([]string{"service-3:v2;strict", "*:pr-118", "service-5.shop:v3"}, c.Requested()); d != "" {
		t.Error(d)
	}
	if got := (override.Carriers{}).Requested(); got != nil {
		t.Errorf("no carriers: %v", got)
	}
}

func TestLogHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	plain := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(override.LogHandler(plain, "service-3:v2")).With("a", 1)
	with := func(attributes map[string]string) context.Context {
		return override.NewContext(context.Background(), override.ExtractMap(attributes))
	}
	log.InfoContext(with(map[string]string{"x-override": "service-3:v2"}), "asked")
	log.InfoContext(with(map[string]string{"baggage": "user=alice"}), "others' baggage")
	log.InfoContext(context.Background(), "ordinary")
	log.DebugContext(with(map[string]string{"x-override": "service-3:v2"}), "below the level")
	slog.New(override.LogHandler(plain, "")).WithGroup("g").InfoContext(with(map[string]string{"baggage": "override=pr-1"}), "grouped")
	want := strings.Join([]string{
		`level=INFO msg=asked a=1 override.requested=[service-3:v2] override.served=service-3:v2`,
		`level=INFO msg="others' baggage" a=1`,
		`level=INFO msg=ordinary a=1`,
		`level=INFO msg=grouped g.override.requested=[*:pr-1]`,
	}, "\n") + "\n"
	if d := diff(want, out.String()); d != "" {
		t.Error(d)
	}
}
