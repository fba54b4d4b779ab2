package conform

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Case is one request.
type Case struct {
	// Name is unique in its world; Why is its purpose.
	Name, Why string
	// Kind is "picked", or the generator's way of making it.
	Kind string
	// From is the calling workload, by its short name.
	From string
	// Service is called, at Port; Host is the host in the request.
	Service string
	Port    uint32
	Host    string
	Method  string
	// Path may have a query.
	Path   string
	Header []Header
	// Want is the required outcome, whatever the tables say; empty for cases that only
	// need agreement. See [Expectation.Outcomes] for its form.
	Want []string
	// Cluster says that Want applies only to clusters, which know the age of their
	// objects.
	Cluster bool
	// Known says that data planes are known to disagree with Evaluate. If one stops
	// disagreeing, that is reported.
	Known bool
}

// Picked is the Kind of cases written by hand.
const Picked = "picked"

// caseLine is "[!]name: caller METHOD host[:port]/path [@service] [= want | want]", or
// with =cluster= for =.
var caseLine = regexp.MustCompile(`^(!?)([a-z0-9-]+): (\S+) ([A-Z-]+) ([^/\s]+)(/\S*)(?: @(\S+))?(?: (=|=cluster=) (.+))?$`)

// ParseCases reads cases picked by hand. Each is a line, and the lines of its
// headers, indented, below it:
//
//	# why
//	[!]name: caller METHOD host[:port]/path [@service] [= want | want]
//	    x-override: service:v2
//
// Service is needed only if the host is not its name. With =cluster= instead of =,
// the outcome applies to a cluster, and other sources may have another. A mark
// before the name says that the case is a known disagreement.
func ParseCases(w *World, data []byte) ([]Case, error) {
	var out []Case
	why := ""
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case strings.TrimSpace(line) == "":
			why = ""
		case strings.HasPrefix(line, "#"):
			why = strings.TrimSpace(why + " " + strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "    ") && len(out) > 0:
			header, err := ParseHeader(line[4:])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			last := &out[len(out)-1]
			last.Header = append(last.Header, header)
		default:
			c, err := parseCase(w, line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			if seen[c.Name] {
				return nil, fmt.Errorf("line %d: duplicate case %s", n, c.Name)
			}
			seen[c.Name] = true
			c.Why = why
			out = append(out, c)
		}
	}
	return out, lines.Err()
}

func parseCase(w *World, line string) (Case, error) {
	found := caseLine.FindStringSubmatch(line)
	if found == nil {
		return Case{}, fmt.Errorf("read case %q: want name: caller METHOD host/path = want", line)
	}
	c := Case{
		Name: found[2], Known: found[1] != "", Kind: Picked,
		From: found[3], Method: found[4], Host: found[5], Path: found[6], Service: found[7],
	}
	if found[9] != "" {
		c.Want, c.Cluster = strings.Split(found[9], " | "), found[8] == "=cluster="
	}
	caller, err := w.Workload(c.From)
	if err != nil {
		return c, err
	}
	if !caller.Caller {
		return c, fmt.Errorf("workload %s is not a caller", c.From)
	}
	name, port, hasPort := strings.Cut(c.Host, ":")
	if hasPort {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return c, fmt.Errorf("read port of %s: %w", c.Host, err)
		}
		c.Port = uint32(number)
	}
	if c.Service == "" {
		if c.Service = w.named(name, caller.Namespace); c.Service == "" {
			return c, fmt.Errorf("%s is not a Service: name the called one with @", name)
		}
	}
	s, err := w.Service(c.Service)
	if err != nil {
		return c, err
	}
	if c.Port == 0 {
		c.Port = s.Ports[0].Number
	}
	return c, nil
}

// named returns the Service that a host means for callers in a namespace, or "".
func (w *World) named(host, namespace string) string {
	host = strings.ToLower(host)
	for i := range w.Services {
		s := &w.Services[i]
		if slices.Contains(s.names(namespace), host) {
			return cmp.Or(s.Alias, w.short(s.Name, s.Namespace))
		}
	}
	return ""
}

// names lists the names of s for callers in a namespace.
func (s *Service) names(namespace string) []string {
	qualified := s.Name + "." + s.Namespace
	out := []string{qualified, qualified + ".svc", s.FQDN()}
	if namespace == s.Namespace {
		out = append(out, s.Name)
	}
	return out
}

// Curl is c as a command in a pod of the caller.
func (c *Case) Curl() string {
	var out strings.Builder
	out.WriteString("curl -i --path-as-is")
	if c.Method != "GET" {
		out.WriteString(" -X " + c.Method)
	}
	for _, h := range c.Header {
		value := strings.ReplaceAll(strings.ReplaceAll(h.Value, `\`, `\\`), "'", `\'`)
		line := h.Name + ": " + value
		if h.Value == "" {
			line = h.Name + ";" // curl leaves a header with nothing behind the colon out
		}
		quote := "'"
		if strings.ContainsAny(line, "\t'\\") {
			quote = "$'"
			line = strings.ReplaceAll(line, "\t", `\t`)
		}
		out.WriteString(" -H " + quote + line + "'")
	}
	out.WriteString(" '" + c.URL() + "'")
	return out.String()
}

// URL is the URL of c, with the host that it names.
func (c *Case) URL() string {
	host := c.Host
	if !strings.Contains(host, ":") && c.Port != 80 {
		host = fmt.Sprintf("%s:%d", host, c.Port)
	}
	return "http://" + host + c.Path
}

// Lines returns the lines of a header.
func (c *Case) Lines(name string) []string {
	var out []string
	for _, h := range c.Header {
		if strings.EqualFold(h.Name, name) {
			out = append(out, strings.Trim(h.Value, " \t"))
		}
	}
	return out
}
