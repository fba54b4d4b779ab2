package override_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// The attributes of a message, from its producer to its consumer.
func ExampleExtractMap() {
	ctx := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "service-3:v2"}))

	attributes := map[string]string{}
	override.FromContext(ctx).AddToMap(attributes)
	fmt.Println(attributes)

	ctx = context.Background()
	ctx = override.NewContext(ctx, override.ExtractMap(attributes))
	fmt.Println(override.FromContext(ctx).Requested())
	// Output:
	// map[x-override:service-3:v2]
	// [service-3:v2]
}

// A program that is started for a request.
func ExampleEnviron() {
	ctx := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "service-3:v2"}))

	cmd := exec.CommandContext(ctx, "report")
	cmd.Env = override.Environ(ctx, os.Environ())
	fmt.Println(override.ExtractEnviron(cmd.Env).Requested())
	// Output: [service-3:v2]
}

func ExampleLogHandler() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(override.LogHandler(handler, "service-3:v2"))

	ctx := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "service-3:v2"}))
	log.InfoContext(ctx, "order")
	log.Info("ready")
	// Output:
	// level=INFO msg=order override.requested=[service-3:v2] override.served=service-3:v2
	// level=INFO msg=ready
}
