package access_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestEveryProxyOnce: on both sides of a call, a proxy of any version has either the filter of tokens
// or the script that removes overrides. It would follow any header with none of them.
func TestEveryProxyOnce(t *testing.T) {
	t.Parallel()
	made, err := access.Make(&model.Snapshot{
		Options: model.DefaultOptions(), TokenNamespaces: []model.TokenNamespace{{Namespace: "shop", Access: &model.Access{}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var filter struct {
		Spec struct {
			ConfigPatches []struct {
				Match struct {
					Context string
					Proxy   struct{ ProxyVersion string }
				}
			}
		}
	}
	if err := json.Unmarshal(made[0].JSON, &filter); err != nil {
		t.Fatal(err)
	}
	bySide := map[string]map[string]bool{} // the versions that some part is for
	for _, p := range filter.Spec.ConfigPatches {
		if bySide[p.Match.Context] == nil {
			bySide[p.Match.Context] = map[string]bool{}
		}
		bySide[p.Match.Context][p.Match.Proxy.ProxyVersion] = true
	}
	if got, want := slices.Sorted(maps.Keys(bySide)), []string{"SIDECAR_INBOUND", "SIDECAR_OUTBOUND"}; !slices.Equal(got, want) {
		t.Fatalf("the filter is for %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.OneOf(rapid.StringMatching(`1\.[0-9]{0,3}(\.[0-9]{1,2}|-[a-z]+)?`), rapid.StringMatching(`[0-9a-z.-]{1,6}`)).Draw(t, "version")
		for side, versions := range bySide {
			matched := 0
			for pattern := range versions {
				if regexp.MustCompile(pattern).MatchString(version) {
					matched++
				}
			}
			if matched != 1 {
				t.Errorf("%s: %d kinds of parts for proxies of version %q", side, matched, version)
			}
		}
	})
}
