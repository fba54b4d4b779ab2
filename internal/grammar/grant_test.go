package grammar_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// TestGrantIDs: every ID is of a grant or is not, by its prefix, and no list of several is that of
// one token; patterns of the live IDs match these, and no other.
func TestGrantIDs(t *testing.T) {
	t.Parallel()
	anyID := rapid.OneOf(rapid.StringMatching(`(g|gr|gra|gran|grant|grant\.|Grant\.)?[!-~]{0,14}`), rapid.StringMatching(`grant\.[a-z2-7]{1,14}`))
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(anyID, 1, 3).Draw(t, "ids")
		value := strings.Join(ids, ",")
		isGrant := slices.ContainsFunc(strings.Split(value, ","), func(id string) bool { return strings.HasPrefix(strings.TrimLeft(id, " \t"), grammar.GrantPrefix) })
		if matches(compileRapid(t, grammar.AnyGrantPattern), lines{value}) != isGrant {
			t.Fatalf("whether %q has the ID of a grant: %v", value, !isGrant)
		}
		if value != "" && matches(compileRapid(t, grammar.OfflinePattern), lines{value}) != (!isGrant && !strings.Contains(value, ",")) {
			t.Fatalf("%q counts as the ID of an offline token, or does not", value)
		}
		live := rapid.SliceOfDistinct(rapid.StringMatching(`grant\.[a-z2-7]{1,14}`), rapid.ID[string]).Draw(t, "live")
		most := rapid.SampledFrom([]int{64, 128, grammar.MaxPatternBytes}).Draw(t, "most")
		matched := false
		for _, pattern := range grammar.GrantPatterns(live, most) {
			if len(pattern) > most {
				t.Fatalf("a pattern has %d bytes, more than %d", len(pattern), most)
			}
			matched = matched || matches(compileRapid(t, pattern), lines{value})
		}
		if matched != slices.Contains(live, value) {
			t.Fatalf("%q counts as live: %v, among %q", value, matched, live)
		}
	})
}

// TestWithoutGrants: an object in JSON loses the IDs that are not live, wherever a pattern has
// them, and nothing else.
func TestWithoutGrants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`grant\.[a-z2-7]{1,14}`), 1, 20, rapid.ID[string]).Draw(t, "ids")
		slices.Sort(ids)
		live := slices.DeleteFunc(slices.Clone(ids), func(string) bool { return rapid.Bool().Draw(t, "ended") })
		object := func(ids []string) []byte {
			out, err := json.Marshal(map[string]any{
				"a": grammar.GrantPatterns(ids, 4096), "b": grammar.OfflinePattern + "|" + strings.Join(grammar.GrantPatterns(ids, 4096), ""), "c": grammar.AnyGrantPattern, "d": "(?:x|y)",
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		got, want := string(grammar.WithoutGrants(object(ids), live)), string(object(live))
		if len(live) == 0 {
			want = strings.ReplaceAll(string(object([]string{"grant.a"})), `(?:a)`, `(?:)`)
		}
		if got != want {
			t.Fatalf("it becomes\n%s, want\n%s", got, want)
		}
	})
}
