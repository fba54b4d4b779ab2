package model_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/model"
)

func TestPermits(t *testing.T) {
	t.Parallel()
	one := func(key, operator string, values ...string) model.Requirement {
		return model.Requirement{Key: key, Operator: operator, Values: values}
	}
	selector := func(r ...model.Requirement) *model.NamespaceSelector { return &model.NamespaceSelector{Selector: r} }
	team := map[string]string{"team": "shop"}
	for _, test := range []struct {
		name             string
		p                *model.NamespaceSelector
		labels           map[string]string
		permitted, known bool
	}{
		{"not set", nil, team, false, true},
		{"none", &model.NamespaceSelector{}, team, false, true},
		{"all", &model.NamespaceSelector{All: true}, nil, true, true},
		{"in", selector(one("team", "In", "web", "shop")), team, true, true},
		{"in others", selector(one("team", "In", "web")), team, false, true},
		{"in, without the label", selector(one("team", "In", "")), map[string]string{}, false, true},
		{"not in", selector(one("team", "NotIn", "web")), team, true, true},
		{"not in, without the label", selector(one("team", "NotIn", "web")), map[string]string{}, true, true},
		{"not in this", selector(one("team", "NotIn", "shop")), team, false, true},
		{"exists", selector(one("team", "Exists")), team, true, true},
		{"does not exist", selector(one("team", "DoesNotExist")), team, false, true},
		{"all of them", selector(one("team", "Exists"), one("locked", "Exists")), team, false, true},
		{"another operator", selector(one("team", "Gt", "1")), team, false, true},
		{"labels are not known", selector(one("team", "DoesNotExist")), nil, false, false},
		{"the name is known", selector(one(model.NamespaceNameLabel, "In", "pr-1")), nil, true, true},
		{"the name is another", selector(one("team", "Exists"), one(model.NamespaceNameLabel, "In", "pr-2")), nil, false, true},
		{"the name is not all", selector(one(model.NamespaceNameLabel, "In", "pr-1"), one("team", "Exists")), nil, false, false},
		{"a label can't say another name", selector(one(model.NamespaceNameLabel, "In", "pr-2")), map[string]string{model.NamespaceNameLabel: "pr-2"}, false, true},
	} {
		if permitted, known := test.p.Permits("pr-1", test.labels); permitted != test.permitted || known != test.known {
			t.Errorf("%s: permitted %v, known %v", test.name, permitted, known)
		}
	}
}
