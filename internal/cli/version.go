package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built (-ldflags -X).
var version string

// build describes what this program was built from.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuild() build {
	out := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && out.Version == "" {
		out.Version = info.Main.Version
	}
	if out.Version == "" || out.Version == "(devel)" {
		out.Version = "dev"
	}
	if !ok {
		return out
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			out.Commit = s.Value
		case "vcs.time":
			out.Time = s.Value
		case "vcs.modified":
			out.Modified = s.Value == "true"
		}
	}
	return out
}

func (a *app) versionCommand() *cobra.Command {
	var output format
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Long:  "Version prints the version of this program and what it was built with.",
		Example: a.examples(`overrides version
overrides version -o json`),
		Args: noArgs,
		RunE: a.run(func(context.Context, []string) error {
			b := readBuild()
			if output.value == "json" {
				e := json.NewEncoder(a.Out)
				e.SetIndent("", "  ")
				return e.Encode(b)
			}
			_, err := fmt.Fprintf(a.Out, "overrides %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		}),
	}
	addFormat(cmd, &output, "output format", "text", "json")
	return cmd
}
