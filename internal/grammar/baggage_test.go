package grammar_test

import (
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

func TestParseBaggage(t *testing.T) {
	t.Parallel()
	const noEquals = `no "=", want override.service=version or override.service.namespace=version`
	for _, test := range []struct {
		header  lines
		members string
		err     string
	}{
		{nil, "", ""},
		{lines{""}, "", ""},
		{lines{"userId=alice,serverNode=DF%2028;x=y"}, "", ""},
		{lines{"override.service-3=v2"}, "service-3:v2", ""},
		{lines{"userId=alice, override.service-3=v2", "override.a.shop=v1.2,x=y"}, "service-3:v2, a.shop:v1.2", ""},
		{lines{"override.a \t=\tv1 ; ttl=3;\x01\"%41"}, "a:v1", ""},

		// Not overrides: ignored, whatever their content.
		{lines{"xoverride.a=v1, Override.a=v1, overrides=v1, o.override.a=v1,,=, \x01, \xff"}, "", ""},
		{lines{strings.Repeat("x", 9000)}, "", ""},

		// Overrides, but malformed.
		{lines{"x=y, override.a"}, "", `member 2: "override.a": ` + noEquals},
		{lines{"override.a;p=v1"}, "", `member 1: "override.a;p=v1": ` + noEquals},
		{lines{"override.=v1"}, "", `member 1: "override.=v1": service is empty`},
		{lines{"override.a.=v1"}, "", `member 1: "override.a.=v1": namespace is empty`},
		{lines{"override.a="}, "", `member 1: "override.a=": version is empty`},
		{lines{"override. a=v1"}, "", `member 1: "override. a=v1": service " a" is invalid: use a-z, 0-9 and "-", beginning with a letter, ending with a letter or digit`},
		{lines{"override.a=v1%2E2"}, "", `member 1: "override.a=v1%2E2": "%": percent-encoding is not decoded, use letters, digits, "-", "_" and "." only`},
		{lines{`override.a="v1"`}, "", `member 1: "override.a=\"v1\"": quoted strings are not part of the grammar`},
		{lines{"override.a=v\x01, override.b=v1"}, "b:v1", `member 1: "override.a=v\x01": byte 0x01, only visible ASCII is allowed`},
		{
			lines{"override.a=v1=2"},
			"",
			`member 1: "override.a=v1=2": version "v1=2" is invalid: use letters, digits, "-", "_" and ".", beginning and ending with a letter or digit`,
		},
		{lines{"override.a=v1, override.a=v2"}, "a:v1, a:v2", `member 2: "override.a=v2": second member for the same calls of "a", after "a:v1"`},
		{lines{"override.a=v1", "\xff"}, "", `header: byte 0xff is not UTF-8, not all proxies follow the other members`},
		{
			lines{"override.a=v1," + strings.Repeat("x", 9000)},
			"a:v1",
			`header: 9014 bytes, more than the 8192 that are passed on everywhere`,
		},
	} {
		got, err := grammar.ParseBaggage(test.header...)
		if canonical(got) != test.members || message(err) != test.err {
			t.Errorf("ParseBaggage(%q)\n got %q, error %s\nwant %q, error %s",
				test.header, canonical(got), message(err), test.members, test.err)
		}
	}
}
