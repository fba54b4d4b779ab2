package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// format is the value of a flag -o, one of a few.
type format struct {
	value   string
	allowed []string
}

// Set sets an allowed value (pflag.Value).
func (f *format) Set(value string) error {
	if !slices.Contains(f.allowed, value) {
		return fmt.Errorf("want %s", strings.Join(f.allowed, ", "))
	}
	f.value = value
	return nil
}

// String returns the value (pflag.Value).
func (f *format) String() string { return f.value }

// Type returns the placeholder for the help (pflag.Value).
func (f *format) Type() string { return strings.Join(f.allowed, "|") }

// addFormat adds a flag -o to cmd with the allowed values; the first is the default.
func addFormat(cmd *cobra.Command, f *format, usage string, allowed ...string) {
	f.value, f.allowed = allowed[0], allowed
	cmd.Flags().VarP(f, "output", "o", usage)
}
