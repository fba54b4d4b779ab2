package istio_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// question is one line of requests: a caller and a request.
type question struct {
	line    string
	from    oracle.Proxy
	request oracle.Request
}

// parseQuestions reads lines of the form
//
//	NAMESPACE[,LABEL=VALUE…] METHOD SERVICE[.NAMESPACE]:PORT[@AUTHORITY] PATH [| HEADER: VALUE]…
//
// A caller "gateway/NAMESPACE" is a gateway, and "none" instead of a Service is a
// host that is not a Service. Without an authority it is the Service as written. The
// method TCP is a connection of another protocol. Empty lines and comments are
// skipped.
func parseQuestions(text string) ([]question, error) {
	var out []question
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		q, err := parseQuestion(line)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		out = append(out, q)
	}
	return out, nil
}

func parseQuestion(line string) (question, error) {
	parts := strings.Split(line, " | ")
	fields := strings.Fields(parts[0])
	if len(fields) != 4 {
		return question{}, fmt.Errorf("%d words before the headers, want 4", len(fields))
	}
	q := question{line: line, from: oracle.Proxy{Labels: map[string]string{}}}
	for i, word := range strings.Split(fields[0], ",") {
		if i == 0 {
			q.from.Namespace, q.from.Gateway = strings.CutPrefix(word, "gateway/")
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		q.from.Labels[key] = value
	}
	to, authority, _ := strings.Cut(fields[2], "@")
	host, text, _ := strings.Cut(to, ":")
	port, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return question{}, err
	}
	q.request = oracle.Request{Method: fields[1], Path: fields[3], Port: uint32(port), Header: map[string][]string{}}
	q.request.Authority, q.request.To = authority, host
	if authority == "" {
		q.request.Authority = host
	}
	switch strings.Count(host, ".") {
	case 0:
		if host != "" {
			q.request.To = host + "." + q.from.Namespace + ".svc.cluster.local"
		}
	case 1:
		q.request.To = host + ".svc.cluster.local"
	}
	for _, header := range parts[1:] {
		name, value, _ := strings.Cut(header, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		q.request.Header[name] = append(q.request.Header[name], strings.TrimSpace(value))
	}
	return q, nil
}

// ordinary reports whether q has no override.
func (q *question) ordinary() bool {
	return q.request.Header["x-override"] == nil && !slices.ContainsFunc(strings.Split(strings.Join(q.request.Header["baggage"], ","), ","), func(member string) bool {
		key, _, valued := strings.Cut(member, "=")
		key = strings.Trim(key, " \t")
		return strings.HasPrefix(key, "override.") || valued && key == "override"
	})
}
