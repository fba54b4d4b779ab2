package grammar_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Fuzzed headers have their lines separated by LF, which no header value contains.
func split(header string) lines { return strings.Split(header, "\n") }

// Whatever the header, Parse terminates, its errors point into the header, AppendMembers
// agrees, and the members that are followed can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add("service-3:v2, payments.billing:pr-118;strict, db-shim:v2;method=POST, cache:v2;from=service-3")
	f.Add("a:v1,,b:v2\n;strict\n\xff")
	f.Add("*:v2;strict, *.shop:v2,*a:v1,*:v1;from=a")
	f.Fuzz(func(t *testing.T, header string) {
		got, err := grammar.Parse(split(header)...)
		checkErrors(t, split(header), err)
		for _, m := range got {
			again, err := grammar.Parse(m.String())
			if diff := cmp.Diff([]grammar.Member{m}, again); diff != "" || err != nil {
				t.Errorf("Parse(%q): %v, want -, got +:\n%s", m, err, diff)
			}
			if value, err := grammar.Format(m); err != nil || value != m.String() {
				t.Errorf("Format(%v): %q, %v", m, value, err)
			}
		}
		one := strings.ReplaceAll(header, "\n", ",")
		parsed, parseErr := grammar.Parse(one)
		appended, appendErr := grammar.AppendMembers(make([]grammar.Member, 1), one)
		if canonical(appended[1:]) != canonical(parsed) || message(appendErr) != message(parseErr) {
			t.Errorf("AppendMembers(%q): %q, %v; Parse: %q, %v", one, canonical(appended[1:]), appendErr, canonical(parsed), parseErr)
		}
		if canonical(parsed) != canonical(got) {
			t.Errorf("%q: %q from lines, %q from one line", header, canonical(got), canonical(parsed))
		}
	})
}

// checkErrors compares the errors of a parse with the header.
func checkErrors(t *testing.T, header lines, err error) {
	t.Helper()
	members := strings.Split(strings.Join(header, ","), ",")
	last := 0
	for _, e := range located(t, err) {
		if e.Member < last || e.Member > len(members) {
			t.Errorf("error %v: member %d of %d, after %d", e, e.Member, len(members), last)
			continue
		}
		last = e.Member
		if e.Member > 0 && strings.Trim(members[e.Member-1], " \t") != e.Text {
			t.Errorf("error %v is not about member %q", e, members[e.Member-1])
		}
		if e.Member > 0 && !anyLine(header, func(line string) bool { return strings.HasPrefix(line[min(e.Offset, len(line)):], e.Text) }) {
			t.Errorf("error %v: no line has its text at offset %d", e, e.Offset)
		}
		if len(e.Error()) > 1000 || strings.ContainsAny(e.Reason, "\n\x00") {
			t.Errorf("error %q is not for people", e.Error())
		}
	}
}

func anyLine(header lines, match func(string) bool) bool {
	return slices.ContainsFunc(header, match)
}

// FuzzPattern: the parser and the patterns of the override header agree, for any header,
// version and condition.
func FuzzPattern(f *testing.F) {
	f.Add("service-3:v2", "v2", "", "", uint8(0))
	f.Add("a:v1\nservice-3.demo:v2.1;strict;method=GET;from=service-2", "v2.1", "service-2", "GET", uint8(3))
	f.Add("*:v2, service-3:v1", "v2", "", "", uint8(0))
	f.Add("a:v1\n*.demo:v2 ; strict,*.shop:v2;x;strict", "v2", "", "", uint8(0))
	f.Fuzz(func(t *testing.T, header, version, from, method string, judged uint8) {
		if invalid(version, from, method) != nil || strings.ContainsAny(header, "\r\x00") {
			t.Skip()
		}
		c := grammar.Condition{From: from, Method: method}
		j := grammar.Judged{From: judged&1 != 0, Method: judged&2 != 0}
		for _, r := range []row{versionRow(service3(), version, c), strictRow(service3(), j, c), setRow(service3(), version), strictSetRow(service3(), []string{"v1", version})} {
			agree(t, r, split(header))
		}
	})
}

// FuzzBaggage does the same for the baggage header.
func FuzzBaggage(f *testing.F) {
	f.Add("userId=alice, override.service-3=v2;ttl=1\noverride.service-3.demo = v2", "v2")
	f.Add("override=v2, override.*.demo=v2;ttl=1,overrides=v2\noverride.*=v2,override\t= v2", "v2")
	f.Fuzz(func(t *testing.T, header, version string) {
		if invalid(version, "", "") != nil || strings.ContainsAny(header, "\r\x00") {
			t.Skip()
		}
		for _, r := range []row{baggageRow(service3(), version), baggageSetRow(service3(), version), anyBaggageRow()} {
			agree(t, r, split(header))
		}
		got, err := grammar.ParseBaggage(split(header)...)
		checkErrors(t, split(header), err)
		for _, m := range got {
			value, err := grammar.FormatBaggage(m)
			if err != nil {
				t.Errorf("FormatBaggage(%v): %v", m, err)
			}
			if again, err := grammar.ParseBaggage(value); err != nil || canonical(again) != m.String() {
				t.Errorf("ParseBaggage(%q): %q, %v", value, canonical(again), err)
			}
		}
	})
}

func invalid(version, from, method string) error {
	errs := []error{grammar.ValidateVersion(version)}
	if from != "" {
		errs = append(errs, grammar.ValidateCaller(from))
	}
	if method != "" {
		errs = append(errs, grammar.ValidateMethod(method))
	}
	return errors.Join(errs...)
}

func agree(t *testing.T, r row, header lines) {
	t.Helper()
	if grammar.CheckPattern(r.pattern) != nil {
		t.Skip() // too long, so it is never written
	}
	if parser, pattern := r.parser(header), matches(compile(t, r.pattern), header); parser != pattern {
		t.Errorf("header %q, row %s: parser %v, pattern %v: %s", header, r.name, parser, pattern, r.pattern)
	}
}
