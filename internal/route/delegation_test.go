package route_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/route"
)

// TestDelegationAt: a delegation exists where all its rows are, without gaps.
func TestDelegationAt(t *testing.T) {
	t.Parallel()
	two, other := &route.Delegation{Rows: 2}, &route.Delegation{Rows: 1}
	for _, test := range []struct {
		name string
		rows []*route.Delegation
		at   int
		want *route.Delegation
	}{
		{"all rows", []*route.Delegation{nil, two, two, nil}, 1, two},
		{"from the second row on", []*route.Delegation{nil, two, two, nil}, 2, nil},
		{"a row is changed", []*route.Delegation{two, nil, two}, 0, nil},
		{"a row is left out", []*route.Delegation{two, other}, 0, nil},
		{"the last row is left out", []*route.Delegation{nil, two}, 1, nil},
		{"another one behind it", []*route.Delegation{two, two, other}, 2, other},
		{"none", []*route.Delegation{nil}, 0, nil},
	} {
		table := route.Table{}
		for _, d := range test.rows {
			table.Routes = append(table.Routes, route.Route{Delegated: d})
		}
		if got := table.DelegationAt(test.at); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
