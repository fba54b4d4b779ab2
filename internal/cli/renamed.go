package cli

import "github.com/spf13/pflag"

// renamedFlags maps the old names of flags, which stay valid, to the names that help and
// documentation give.
func renamedFlags() map[string]string {
	return map[string]string{
		"wait":     "propagation-delay",
		"wait-max": "propagation-delay-max",
		"keep":     "drain-delay",
	}
}

// acceptOldNames lets flags be given by the names that they had before.
func acceptOldNames(flags *pflag.FlagSet) {
	renamed := renamedFlags()
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if now, ok := renamed[name]; ok {
			name = now
		}
		return pflag.NormalizedName(name)
	})
}
