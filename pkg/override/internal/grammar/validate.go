// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ValidateService returns an error unless s is a DNS-1035 label, as names of Kubernetes
// Services are: lower-case letters, digits and "-", beginning with a letter, ending with
// a letter or digit, at most [MaxLabelLength] long.
func ValidateService(s string) error {
	return shape{
		what: "service", first: lower, inner: lower | digit | dash, last: lower | digit,
		rule: `a-z, 0-9 and "-", beginning with a letter, ending with a letter or digit`,
	}.check(s)
}

// ValidateNamespace returns an error unless s is a DNS-1123 label: like
// [ValidateService], but it may begin with a digit.
func ValidateNamespace(s string) error {
	return shape{
		what: "namespace", first: lower | digit, inner: lower | digit | dash, last: lower | digit,
		rule: `a-z, 0-9 and "-", beginning and ending with a letter or digit`,
	}.check(s)
}

// ValidateVersion returns an error unless s is a Kubernetes label value that is
// not empty: letters, digits, "-", "_" and ".", beginning and ending with a
// letter or digit, at most [MaxLabelLength] long.
func ValidateVersion(s string) error { return labelValue("version", s) }

// ValidateCaller returns an error unless s can name a calling workload: its
// canonical name is a label value, as in [ValidateVersion].
func ValidateCaller(s string) error { return labelValue("from", s) }

func labelValue(what, s string) error {
	return shape{
		what: what, first: letter | digit, inner: letter | digit | dash | under | dot, last: letter | digit,
		rule: `letters, digits, "-", "_" and ".", beginning and ending with a letter or digit`,
	}.check(s)
}

// ValidateMethod returns an error unless s is an HTTP method that routes can match:
// upper-case letters, digits, "-" and "_", beginning with a letter, at most
// [MaxLabelLength] long. This is a part of RFC 9110's token that contains every
// registered method.
func ValidateMethod(s string) error {
	err := shape{
		what: "method", first: upper, inner: upper | digit | dash | under, last: upper | digit | dash | under,
		rule: `A-Z, 0-9, "-" and "_", beginning with a letter`,
	}.check(s)
	// Methods are case-sensitive (RFC 9110 §9.1): "get" would never match.
	if proper := strings.ToUpper(s); err != nil && proper != s && ValidateMethod(proper) == nil {
		return fmt.Errorf("method %s is not upper-case, write %s", quote(s), quote(proper))
	}
	return err
}

// ValidateHeaderName returns an error unless name can be configured as the
// override header: a lower-case RFC 9110 token without "_" (which proxies drop
// or rewrite) that has no other meaning in HTTP, in the mesh or here.
func ValidateHeaderName(name string) error {
	switch {
	case name == "":
		return errors.New("header name is empty")
	case strings.HasPrefix(name, ":"):
		return fmt.Errorf("header name %s is a pseudo-header", quote(name))
	case strings.Contains(name, "_"):
		return fmt.Errorf(`header name %s holds "_", which proxies drop or rewrite`, quote(name))
	case strings.ToLower(name) != name:
		return fmt.Errorf("header name %s is not lower-case, write %s", quote(name), quote(strings.ToLower(name)))
	}
	for i := range len(name) {
		if b := name[i]; classOf(b)&(lower|digit) == 0 && !strings.ContainsRune("!#$%&'*+-.^`|~", rune(b)) {
			return fmt.Errorf("header name %s is not a token: it holds %s", quote(name), quote(name[i:i+1]))
		}
	}
	if slices.Contains(takenHeaders(), name) || slices.ContainsFunc(takenPrefixes(), func(p string) bool {
		return strings.HasPrefix(name, p)
	}) {
		return fmt.Errorf("header name %s has another meaning", quote(name))
	}
	return nil
}

// takenHeaders returns names with another meaning, where carrying overrides would break
// or leak something: those of Overrides, hop-by-hop headers, credentials, and headers
// that HTTP or tracing define.
func takenHeaders() []string {
	return []string{
		BaggageHeader, ErrorHeader, ServedHeader, "x-override-token",
		"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
		"authorization", "cookie", "set-cookie", "x-api-key",
		"host", "date", "expect", "via", "forwarded", "origin", "referer", "from", "range", "server", "user-agent",
		"accept", "age", "allow", "cache-control", "etag", "expires", "last-modified", "link", "location",
		"max-forwards", "pragma", "priority", "retry-after", "vary", "alt-svc",
		"traceparent", "tracestate", "b3", "x-request-id", "x-real-ip", "x-client-trace-id", "x-ot-span-context",
	}
}

// takenPrefixes returns the prefixes of whole families of such names.
func takenPrefixes() []string {
	return []string{
		"accept-", "access-control-", "content-", "grpc-", "if-", "proxy-", "sec-", "www-authenticate",
		"x-b3-", "x-envoy-", "x-forwarded-", "x-istio-",
	}
}

// shape is the syntax of one kind of name.
type shape struct {
	what               string // what the name names, for messages
	first, inner, last class
	rule               string // the rule in words
}

func (sh shape) check(s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty", sh.what)
	}
	if len(s) > MaxLabelLength {
		return fmt.Errorf("%s %s has %d characters, %d are allowed", sh.what, quote(s), len(s), MaxLabelLength)
	}
	good := classOf(s[0])&sh.first != 0 && classOf(s[len(s)-1])&sh.last != 0
	for i := 0; i < len(s) && good; i++ {
		good = classOf(s[i])&sh.inner != 0
	}
	if !good {
		return fmt.Errorf("%s %s is invalid: use %s", sh.what, quote(s), sh.rule)
	}
	return nil
}

// class is a set of characters.
type class uint8

const (
	lower class = 1 << iota
	upper
	digit
	dash
	under
	dot
	letter = lower | upper
)

func classOf(b byte) class {
	switch {
	case 'a' <= b && b <= 'z':
		return lower
	case 'A' <= b && b <= 'Z':
		return upper
	case '0' <= b && b <= '9':
		return digit
	case b == '-':
		return dash
	case b == '_':
		return under
	case b == '.':
		return dot
	}
	return 0
}
