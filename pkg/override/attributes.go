package override

import (
	"context"
	"runtime"
	"strings"
)

// AddToMap adds to attributes, such as those of a queued message, each carrier that they
// do not have yet in any case of letters: one value for each carrier, its lines joined by
// ", ", which means the same.
func (c Carriers) AddToMap(attributes map[string]string) {
	for _, carrier := range c.list {
		if _, ok := inMap(attributes, carrier.name.lower); !ok {
			attributes[carrier.name.lower] = joined(carrier.lines)
		}
	}
}

// ExtractMap is [Extract] for attributes with one value for each name. It ignores the case
// of names.
func ExtractMap(attributes map[string]string) Carriers { return standard.ExtractMap(attributes) }

// ExtractMap is [ExtractMap] with the headers of f.
func (f *Forwarder) ExtractMap(attributes map[string]string) Carriers {
	return f.Extract(func(name string) []string {
		if line, ok := inMap(attributes, name); ok {
			return []string{line}
		}
		return nil
	})
}

func inMap(attributes map[string]string, lower string) (string, bool) {
	if line, ok := attributes[lower]; ok {
		return line, true
	}
	for key, line := range attributes {
		if strings.EqualFold(key, lower) {
			return line, true
		}
	}
	return "", false
}

// Environ returns the environment of a program that is started for the request of ctx:
// base, a list of "NAME=value" as of [os.Environ], with the carriers of ctx instead of
// those in base. The names are those of OpenTelemetry's environment carriers: the header in
// upper case, with "_" for what is not a letter or digit, such as X_OVERRIDE and BAGGAGE.
func Environ(ctx context.Context, base []string) []string { return standard.Environ(ctx, base) }

// Environ is [Environ] with the headers of f.
func (f *Forwarder) Environ(ctx context.Context, base []string) []string {
	c := FromContext(ctx)
	replaced := map[string]bool{}
	for _, n := range f.names {
		replaced[n.variable()] = true
	}
	for _, carrier := range c.list {
		replaced[carrier.name.variable()] = true
	}
	out := make([]string, 0, len(base)+len(c.list))
	for _, variable := range base {
		if name, _, _ := strings.Cut(variable, "="); !replaced[variableKey(name)] {
			out = append(out, variable)
		}
	}
	for _, carrier := range c.list {
		out = append(out, carrier.name.variable()+"="+joined(carrier.lines))
	}
	return out
}

// ExtractEnviron returns the carriers with which a program was started by [Environ], from
// a list as of [os.Environ]. An empty variable is none.
func ExtractEnviron(environ []string) Carriers { return standard.ExtractEnviron(environ) }

// ExtractEnviron is [ExtractEnviron] with the headers of f.
func (f *Forwarder) ExtractEnviron(environ []string) Carriers {
	values := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[variableKey(name)] = value
	}
	c := Carriers{header: f.names[0].lower}
	for _, n := range f.names {
		if value := values[n.variable()]; value != "" {
			c.add(n, []string{value})
		}
	}
	return c
}

func (n name) variable() string { return VariableName(n.lower) }

// VariableName returns the name of the environment variable for a header, such as
// X_OVERRIDE (OpenTelemetry, Environment Variables as Context Propagation Carriers).
func VariableName(header string) string {
	return strings.Map(func(r rune) rune {
		if ('A' <= r && r <= 'Z') || ('0' <= r && r <= '9') {
			return r
		}
		return '_'
	}, strings.ToUpper(header))
}

// variableKey is equal for names that mean the same variable: Windows ignores their case.
func variableKey(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

func joined(lines []string) string { return strings.Join(lines, ", ") }
