package grammar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// TestIgnoredParameters: baggage has properties and no parameters, so a strict override
// in it is not strict. Properties without any meaning are not reported.
func TestIgnoredParameters(t *testing.T) {
	t.Parallel()
	got := grammar.IgnoredParameters("userId=alice;strict, override.a=v1;strict", "override.b=v1;ttl=60; method = GET ;from,override.c=v1")
	want := []*grammar.Error{
		{Member: 2, Offset: 21, Text: "override.a=v1;strict", Reason: "strict has no meaning in baggage and is ignored"},
		{Member: 3, Text: "override.b=v1;ttl=60; method = GET ;from", Reason: "method has no meaning in baggage and is ignored"},
		{Member: 3, Text: "override.b=v1;ttl=60; method = GET ;from", Reason: "from has no meaning in baggage and is ignored"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// TestContradictions: carriers contradict each other if they ask for two versions for the
// same calls.
func TestContradictions(t *testing.T) {
	t.Parallel()
	header, err := grammar.Parse("a:v1, b:v1, c.shop:v1, d:v1;method=GET, e:v1;strict")
	if err != nil {
		t.Fatal(err)
	}
	baggage, err := grammar.ParseBaggage("override.a=v2,override.b=v1,override.c=v2,override.d=v2,override.e=v2")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range grammar.Contradictions(header, baggage) {
		got = append(got, c.Header.String()+" / "+c.Baggage.String())
	}
	if diff := cmp.Diff([]string{"a:v1 / a:v2", "e:v1;strict / e:v2"}, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// TestIsMember: patterns of members are distinguished from those that a user would write.
func TestIsMember(t *testing.T) {
	t.Parallel()
	s := grammar.Service{Name: "a", Namespace: "shop"}
	for pattern, want := range map[string]bool{
		s.Pattern("v1", grammar.Condition{From: "b"}):          true,
		s.BaggagePattern("v1"):                                 true,
		s.StrictPattern(grammar.Judged{}, grammar.Condition{}): true,
		".*a:v1.*": false,
		"":         false,
	} {
		if got := grammar.IsMember(pattern); got != want {
			t.Errorf("IsMember(%q) is %v", pattern, got)
		}
	}
}
