package sample

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration from the environment.
type Config struct {
	Name, Version, Pod string
	Next               []string
	Forward            []string
	Address            string
	Port               int
	// Echo answers without calling other services.
	Echo bool
	// These count from the start of the program. A CrashAfter of zero means never.
	ListenAfter, ReadyAfter, CrashAfter time.Duration
	// Delay is the time that each answer takes.
	Delay time.Duration
	// FailFirst is the number of attempts of each request that are answered with 503.
	FailFirst int
	// Drain is the time for which the program keeps serving after SIGTERM, unready.
	Drain      time.Duration
	IgnoreTerm bool
	// ForwardOnly is set if no headers but those of Forward are passed on.
	ForwardOnly bool
	// Control allows requests to crash the program, and to make it unready.
	Control bool
}

// variable is one variable of the environment.
type variable struct {
	name, preset, help string
	set                func(c *Config, value string) error
}

func variables() []variable {
	return []variable{
		{"NAME", "sample", "the service", text(func(c *Config) *string { return &c.Name })},
		{"VERSION", "", "its version", text(func(c *Config) *string { return &c.Version })},
		{"POD_NAME", "", "the pod", text(func(c *Config) *string { return &c.Pod })},
		{"NEXT", "", "URLs to call for each request, in order, separated by spaces or commas", setNext},
		{"FORWARD", "", "headers to pass on, besides x-override, baggage, x-request-id and those of tracing", setForward},
		{"FORWARD_ONLY", "false", "true: no headers but those of FORWARD are passed on", boolean(func(c *Config) *bool { return &c.ForwardOnly })},
		{"ADDRESS", "", "address to listen on; empty means all", text(func(c *Config) *string { return &c.Address })},
		{"PORT", "8080", "port to listen on; 0 means any", setPort},
		{"MODE", "chain", "chain, or echo: answer without calling other services", setMode},
		{"LISTEN_AFTER", "0s", "time from its start until it listens", duration(func(c *Config) *time.Duration { return &c.ListenAfter })},
		{"READY_AFTER", "0s", "time from its start until /healthz is 200 instead of 503", duration(func(c *Config) *time.Duration { return &c.ReadyAfter })},
		{"CRASH_AFTER", "0s", "time from its start until it exits with 1; 0s means never", duration(func(c *Config) *time.Duration { return &c.CrashAfter })},
		{"DELAY", "0s", "time that each answer takes", duration(func(c *Config) *time.Duration { return &c.Delay })},
		{"FAIL_FIRST", "0", "number of attempts of each request that are answered with 503, by the proxies' x-envoy-attempt-count", setFailFirst},
		{"DRAIN", "1s", "time for which it keeps serving after SIGTERM, with /healthz 503", duration(func(c *Config) *time.Duration { return &c.Drain })},
		{"IGNORE_TERM", "false", "true: SIGTERM is ignored", boolean(func(c *Config) *bool { return &c.IgnoreTerm })},
		{"CONTROL", "false", "true: POST /control/crash ends it with 1, /control/unready?for=2s makes /healthz 503 for that time", boolean(func(c *Config) *bool { return &c.Control })},
	}
}

// Usage writes the list of variables.
func Usage(w io.Writer) {
	fmt.Fprint(w, "Sample is a service that calls other services, and answers with the requests that they all received.\n\n"+
		"It is configured by its environment; durations have the form 1.5s or 2m.\n\n")
	for _, v := range variables() {
		preset := ""
		if v.preset != "" {
			preset = " (" + v.preset + ")"
		}
		fmt.Fprintf(w, "  %-13s %s%s\n", v.name, v.help, preset)
	}
}

// Parse reads the configuration from the environment of getenv. An empty variable counts
// as missing.
func Parse(getenv func(string) string) (Config, error) {
	var c Config
	for _, v := range variables() {
		value := strings.TrimSpace(getenv(v.name))
		if value == "" {
			value = v.preset
		}
		if err := v.set(&c, value); err != nil {
			return Config{}, fmt.Errorf("read %s: %w", v.name, err)
		}
	}
	return c, nil
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err == nil && d < 0 {
			err = fmt.Errorf("%s is negative", value)
		}
		*field(c) = d
		return err
	}
}

func setNext(c *Config, value string) error {
	for _, next := range list(value) {
		if u, err := url.Parse(next); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%q is not a URL such as http://service-2/", next)
		}
		c.Next = append(c.Next, next)
	}
	return nil
}

func setForward(c *Config, value string) error {
	c.Forward = list(value)
	return nil
}

func setPort(c *Config, value string) error {
	port, err := strconv.ParseUint(value, 10, 16)
	c.Port = int(port)
	return err
}

func setMode(c *Config, value string) error {
	if value != "chain" && value != "echo" {
		return fmt.Errorf("%q is neither chain nor echo", value)
	}
	c.Echo = value == "echo"
	return nil
}

func setFailFirst(c *Config, value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	c.FailFirst = int(n)
	return err
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) (err error) {
		*field(c), err = strconv.ParseBool(value)
		return err
	}
}

func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
}
