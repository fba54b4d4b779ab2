package grammar_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

const threePlain = "service-3:v2, payments.billing:pr-118, cache:v1.2"

// Services parse the header on every request, so parsing must not allocate.
func TestParseDoesNotAllocate(t *testing.T) {
	// Not parallel: AllocsPerRun counts the allocations of the whole program.
	many := eightKiB(t, 32)
	for _, value := range []string{
		threePlain,
		"service-3:v2;strict, db-shim:v2 ; method=POST;from=service-3,\tcache:v2;from=service-3",
		many,
	} {
		dst := make([]grammar.Member, 0, 64)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := grammar.AppendMembers(dst, value); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("AppendMembers(%.80q): %v allocations, want none", value, allocs)
		}
	}
}

func BenchmarkParseThreePlainMembers(b *testing.B) {
	dst := make([]grammar.Member, 0, 3)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := grammar.AppendMembers(dst, threePlain); len(got) != 3 || err != nil {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkParseEightKiB(b *testing.B) {
	for _, members := range []int{32, 250} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			value := eightKiB(b, members)
			dst := make([]grammar.Member, 0, members)
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				if got, err := grammar.AppendMembers(dst, value); len(got) != members || err != nil {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// eightKiB returns a header of n members with the maximum length.
func eightKiB(tb testing.TB, n int) string {
	tb.Helper()
	members := make([]string, 0, n)
	for i := range n {
		members = append(members, fmt.Sprintf("service-%d.namespace:v%d", i, i))
	}
	value := strings.Join(members, ",")
	pad := strings.Repeat(" ", (grammar.MaxHeaderBytes-len(value))/n)
	value = strings.Join(members, ","+pad)
	if len(value) > grammar.MaxHeaderBytes {
		tb.Fatalf("%d bytes", len(value))
	}
	return value
}

func BenchmarkFollows(b *testing.B) {
	header := []string{threePlain}
	s := grammar.Service{Name: "cache", Namespace: "demo"}
	b.ReportAllocs()
	for b.Loop() {
		if !grammar.Follows(header, s, "v1.2", grammar.Condition{}) {
			b.Fatal("not followed")
		}
	}
}

func BenchmarkPattern(b *testing.B) {
	s, both := service3(), grammar.Condition{From: "service-2", Method: "GET"}
	for _, bench := range []struct {
		name  string
		build func() string
	}{
		{"plain", func() string { return s.Pattern("v2.1", grammar.Condition{}) }},
		{"conditions", func() string { return s.Pattern("v2.1", both) }},
		{"strict", func() string { return s.StrictPattern(grammar.Judged{From: true, Method: true}, both) }},
		{"baggage", func() string { return s.BaggagePattern("v2.1") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = bench.build()
			}
		})
		b.Run(bench.name+"/check", func(b *testing.B) {
			pattern := bench.build()
			b.ReportAllocs()
			for b.Loop() {
				if err := grammar.CheckPattern(pattern); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
