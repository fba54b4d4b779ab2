package grammar_test

import (
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		members []grammar.Member
		want    string
		err     string
	}{
		{nil, "", ""},
		{[]grammar.Member{{Service: "a", Version: "v1"}}, "a:v1", ""},
		{
			[]grammar.Member{
				{Service: "b", Namespace: "shop", Version: "v1", Strict: true, Method: "GET", From: "x"},
				{Service: "a", Version: "v1", Method: "PUT"},
			},
			"b.shop:v1;from=x;method=GET;strict, a:v1;method=PUT", "",
		},
		{
			[]grammar.Member{{Service: "a", Version: "v1"}, {Service: "a", Version: "v2", From: "x"}, {Service: "a", Namespace: "shop", Version: "v3"}},
			"a:v1, a:v2;from=x, a.shop:v3", "",
		},
		{
			[]grammar.Member{{Service: "a", Version: "v1"}, {Service: "a", Version: "v2", Strict: true}},
			"", `member 2: "a:v2;strict": second member for the same calls of "a", after "a:v1"`,
		},
		{
			[]grammar.Member{{Service: "a", Version: "v1, b:v2"}, {}, {Service: "a", Namespace: "-", Version: "v1"}},
			"", `member 1: "a:v1, b:v2": version "v1, b:v2" is invalid: use letters, digits, "-", "_" and ".", beginning and ending with a letter or digit` + "\n" +
				`member 2: ":": service is empty` + "\n" +
				`member 3: "a.-:v1": namespace "-" is invalid: use a-z, 0-9 and "-", beginning and ending with a letter or digit`,
		},
		{
			[]grammar.Member{{Service: "a", Version: "v1", From: "x;strict"}, {Service: "b", Version: "v1", Method: "get"}},
			"", `member 1: "a:v1;from=x;strict": from "x;strict" is invalid: use letters, digits, "-", "_" and ".", beginning and ending with a letter or digit` + "\n" +
				`member 2: "b:v1;method=get": method "get" is not upper-case, write "GET"`,
		},
	} {
		got, err := grammar.Format(test.members...)
		if got != test.want || message(err) != test.err {
			t.Errorf("Format(%v)\n got %q, error:\n%s\nwant %q, error:\n%s", test.members, got, message(err), test.want, test.err)
		}
	}
}

func TestFormatRefusesLongHeader(t *testing.T) {
	t.Parallel()
	var members []grammar.Member
	for i := range 200 {
		members = append(members, grammar.Member{Service: "s" + strings.Repeat("x", i%62), Version: strings.Repeat("v", 60), From: strings.Repeat("f", 1+i/62)})
	}
	if got, err := grammar.Format(members...); err == nil || got != "" {
		t.Errorf("Format of 200 long members: %d bytes, error %v; want no value and an error", len(got), err)
	}
}

func TestFormatBaggage(t *testing.T) {
	t.Parallel()
	got, err := grammar.FormatBaggage(
		grammar.Member{Service: "service-3", Version: "v2"},
		grammar.Member{Service: "a", Namespace: "shop", Version: "v1.2"},
	)
	if want := "override.service-3=v2,override.a.shop=v1.2"; got != want || err != nil {
		t.Errorf("FormatBaggage: %q, %v, want %q", got, err, want)
	}
	for _, test := range []struct {
		member grammar.Member
		err    string
	}{
		{grammar.Member{Service: "a", Version: "v1", Strict: true}, `member 1: "a:v1;strict": parameters cannot be carried in baggage`},
		{grammar.Member{Service: "a", Version: "v1", From: "x"}, `member 1: "a:v1;from=x": parameters cannot be carried in baggage`},
		{grammar.Member{Service: "a", Version: "v1", Method: "GET"}, `member 1: "a:v1;method=GET": parameters cannot be carried in baggage`},
		{grammar.Member{Service: "a"}, `member 1: "a:": version is empty`},
	} {
		if got, err := grammar.FormatBaggage(test.member); got != "" || message(err) != test.err {
			t.Errorf("FormatBaggage(%v): %q, error %q, want %q", test.member, got, message(err), test.err)
		}
	}
	if _, err := grammar.FormatBaggage(grammar.Member{Service: "a", Version: "v1"}, grammar.Member{Service: "a", Version: "v1"}); err == nil {
		t.Error("FormatBaggage accepted two members for one service")
	}
}
