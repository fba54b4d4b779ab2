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

// Set takes over a value that is allowed (pflag.Value).
func (f *format) Set(value string) error {
	if !slices.Contains(f.allowed, value) {
		return fmt.Errorf("want %s", strings.Join(f.allowed, ", "))
	}
	f.value = value
	return nil
}

// String returns the value (pflag.Value).
func (f *format) String() string { return f.value }

// Type is the placeholder in the help (pflag.Value).
func (f *format) Type() string { return strings.Join(f.allowed, "|") }

// addFormat gives cmd a flag -o with the allowed values, the first by default.
func addFormat(cmd *cobra.Command, f *format, usage string, allowed ...string) {
	f.value, f.allowed = allowed[0], allowed
	cmd.Flags().VarP(f, "output", "o", usage)
}
