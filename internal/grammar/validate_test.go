package grammar_test

import (
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// validation has values that one of the Validate functions accepts and rejects.
type validation struct {
	what      string // with which its errors begin
	validate  func(string) error
	good, bad []string
}

func (v validation) check(t *testing.T) {
	t.Helper()
	for _, s := range v.good {
		if err := v.validate(s); err != nil {
			t.Errorf("%s %q: %v", v.what, s, err)
		}
	}
	for _, s := range v.bad {
		if err := v.validate(s); err == nil {
			t.Errorf("%s %q was accepted", v.what, s)
		} else if !strings.HasPrefix(err.Error(), v.what+" ") {
			t.Errorf("%s %q: error %q does not say what it is about", v.what, s, err)
		}
	}
}

func TestValidateLabels(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", grammar.MaxLabelLength)
	for _, test := range []validation{
		{
			"service", grammar.ValidateService,
			[]string{"a", "service-3", "a--b", long},
			[]string{"", "3a", "-a", "a-", "A", "a.b", "a_b", "a:", "é", long + "x"},
		},
		{
			"namespace", grammar.ValidateNamespace,
			[]string{"a", "3a", "0", "a-b", long},
			[]string{"", "-a", "a-", "A", "a.b", "a_b", " ", long + "x"},
		},
		{
			"version", grammar.ValidateVersion,
			[]string{"v1", "1", "V1.2_x-y", "a..b", long},
			[]string{"", "-1", "1-", ".1", "1_", "a b", "a+b", "a/b", "a%", "\xff", long + "x"},
		},
		{
			"from", grammar.ValidateCaller,
			[]string{"service-2", "3x", "A.b_c", long},
			[]string{"", "x-", "x;y", long + "x"},
		},
	} {
		test.check(t)
	}
}

func TestValidateHTTP(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("X", grammar.MaxLabelLength)
	for _, test := range []validation{
		{
			"method", grammar.ValidateMethod,
			[]string{"GET", "M-SEARCH", "VERSION-CONTROL", "X_1-", "CONNECT", long},
			[]string{"", "get", "Get", "1GET", "-GET", "GET ", "G.T", "*", long + "X"},
		},
		{
			"header name", grammar.ValidateHeaderName,
			[]string{grammar.DefaultHeader, "x", "x-shop.override", "1x", "override!"},
			[]string{
				"", "X-Override", "x_override", "x override", "x:y", ":path", "x-ü", "baggage", "x-override-error", "x-override-token", "host",
				"connection", "te", "transfer-encoding", "proxy-authorization", "authorization", "cookie", "set-cookie", "content-length",
				"traceparent", "x-request-id", "x-envoy-retry-on", "x-forwarded-for", "x-b3-traceid", "sec-fetch-mode", "accept",
			},
		},
	} {
		test.check(t)
	}
}

func TestValidateSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{message(grammar.ValidateMethod("Get")), `method "Get" is not upper-case, write "GET"`},
		{message(grammar.ValidateMethod("g t")), `method "g t" is invalid: use A-Z, 0-9, "-" and "_", beginning with a letter`},
		{message(grammar.ValidateHeaderName("")), `header name is empty`},
		{message(grammar.ValidateHeaderName("X-Override")), `header name "X-Override" is not lower-case, write "x-override"`},
		{message(grammar.ValidateHeaderName("x_override")), `header name "x_override" holds "_", which proxies drop or rewrite`},
		{message(grammar.ValidateHeaderName("x override")), `header name "x override" is not a token: it holds " "`},
		{message(grammar.ValidateHeaderName(":path")), `header name ":path" is a pseudo-header`},
		{message(grammar.ValidateHeaderName("cookie")), `header name "cookie" has another meaning`},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
