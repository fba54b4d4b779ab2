package cli

import (
	"log/slog"

	"github.com/spf13/pflag"
)

// logFlags are the flags of the log of a program that runs until it is ended.
type logFlags struct{ format, level format }

func (f *logFlags) add(flags *pflag.FlagSet) {
	f.format = format{value: "text", allowed: []string{"text", "json"}}
	f.level = format{value: "info", allowed: []string{"debug", "info", "warn", "error"}}
	flags.Var(&f.format, "log-format", "format of the log, which goes to stderr")
	flags.Var(&f.level, "log-level", "minimum level of the log")
}

// logger writes to stderr, at the level of the flag.
func (a *app) logger(f *logFlags) *slog.Logger {
	var level slog.Level
	// The flag allows only names of levels.
	_ = level.UnmarshalText([]byte(f.level.value))
	options := &slog.HandlerOptions{Level: level}
	if f.format.value == "json" {
		return slog.New(slog.NewJSONHandler(a.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.Err, options))
}
