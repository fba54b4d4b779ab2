package cli

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArgs rejects arguments, and suggests the flag that is most likely meant.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := swallowed(cmd); err != nil {
		return err
	}
	if len(args) == 0 {
		return nil
	}
	takes := func(name string) bool {
		f := cmd.LocalFlags().Lookup(name)
		return f != nil && !f.Hidden
	}
	switch command := cmd.CommandPath(); {
	case takes("to") && !looksLikePath(args[0]):
		return fmt.Errorf("unexpected argument %q: give the called service with --to, as in %s --to %s", args[0], command, args[0])
	case takes("dir"):
		return fmt.Errorf("unexpected argument %q: give a folder with --dir, as in %s --dir %s", args[0], command, args[0])
	case takes("filename"):
		return givenWithF(command, args[0])
	}
	return fmt.Errorf("unexpected argument %q", args[0])
}

// swallowed returns an error for a flag that took the next flag for its value.
func swallowed(cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		value := strings.Trim(f.Value.String(), "[]")
		name, isFlag := strings.CutPrefix(value, "--")
		name, _, _ = strings.Cut(name, "=")
		if err == nil && isFlag && cmd.Flags().Lookup(name) != nil {
			err = fmt.Errorf("flag needs an argument: --%s, which is followed by --%s", f.Name, name)
		}
	})
	return err
}

// givenWithF returns the error for manifests that are given as arguments.
func givenWithF(command, path string) error {
	return fmt.Errorf("unexpected argument %q: give manifests with -f, as in %s -f %s", path, command, path)
}

// looksLikePath reports whether an argument is most likely the path of manifests and not
// the name of a Service.
func looksLikePath(arg string) bool {
	switch filepath.Ext(arg) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return arg == "-" || strings.ContainsAny(arg, `/\`)
}

// portValue is a flag that takes a port.
type portValue uint16

// Set parses a number (pflag.Value).
func (p *portValue) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("want a number from 1 to 65535")
	}
	*p = portValue(n)
	return nil
}

// String returns the default value for the help (pflag.Value).
func (p *portValue) String() string {
	if *p == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*p), 10)
}

// Type returns the placeholder for the help (pflag.Value).
func (p *portValue) Type() string { return "port" }
