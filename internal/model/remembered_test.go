package model_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/model"
)

func running(kind, name, version string) model.Running {
	return model.Running{Workload: model.Workload{Kind: kind, Name: name}, Version: version}
}

func TestRememberedText(t *testing.T) {
	t.Parallel()
	cart, rollout, preview := running("Deployment", "cart", "v1"), running("Rollout", "cart", ""), running("Deployment", "cart-pr", "pr-7")
	for _, test := range []struct {
		want string
		of   model.Remembered
	}{
		{"", model.Remembered{StandIn: []model.Running{cart}}},
		{"Deployment/cart=v1", model.Remembered{Released: []model.Running{cart, cart}}},
		{"Deployment/cart=v1, Rollout/cart; stand-in: Deployment/cart-pr=pr-7", model.Remembered{Released: []model.Running{rollout, cart}, StandIn: []model.Running{preview}}},
		{"Rollout/cart; pinned: app=cart, example.com/track=", model.Remembered{Released: []model.Running{rollout}, Pinned: map[string]string{"app": "cart", "example.com/track": ""}}},
		{"Rollout/cart", model.Remembered{Released: []model.Running{rollout}, Pinned: map[string]string{"app": strings.Repeat("x", 3000)}}},
	} {
		if got := test.of.String(); got != test.want {
			t.Errorf("%+v is %q, want %q", test.of, got, test.want)
		}
	}
}

// TestRememberedIsBounded: every record can be read again.
func TestRememberedIsBounded(t *testing.T) {
	t.Parallel()
	var r model.Remembered
	for i := range 1000 {
		r.Released = append(r.Released, running("Deployment", fmt.Sprintf("%s-%d", strings.Repeat("n", 245), i), strings.Repeat("v", 63)))
	}
	r.StandIn, r.Pinned = r.Released, map[string]string{}
	for i := range 10 {
		r.Pinned[fmt.Sprintf("label-%d", i)] = strings.Repeat("v", 63)
	}
	if _, err := model.ParseRemembered(r.String()); err != nil {
		t.Error(err)
	}
}

func TestParseRememberedRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "cart", "Deployment/", "Deployment/cart=", "Deployment/cart=v 1", "Deployment/a/b", "Deployment/cart; stand-in: ",
		"Deployment/cart; else", "Deployment/cart; pinned: app", "Deployment/cart; pinned: a=b, a=c", "Deployment/cart; pinned: a=b; pinned: a=b",
		"Deployment/cart," + strings.Repeat(" ", 20_000), strings.Repeat("Deployment/cart, ", 40) + "Deployment/cart",
	} {
		if got, err := model.ParseRemembered(text); err == nil {
			t.Errorf("%.40q is read as %+v", text, got)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	all := []model.Running{running("Deployment", "cart", "v1"), running("Deployment", "shim", ""), running("Pod", "cart-x", "v0")}
	for _, test := range []struct {
		is   model.Running
		want bool
	}{
		{running("Deployment", "cart", "v2"), true}, // after a rolling update
		{running("Rollout", "cart", "v2"), true},    // migrated under the same name
		{running("Rollout", "carts", "v1"), false},  // another workload with that version
		{running("Pod", "cart-y", "v0"), true},      // created again
		{running("Deployment", "cart-pr", "v2"), false},
		{running("Deployment", "cart-pr", ""), false},
	} {
		if got := model.Has(all, test.is.Workload, test.is.Version); got != test.want {
			t.Errorf("%v is among %v: %t, want %t", test.is, all, got, test.want)
		}
	}
}

// FuzzRemembered compares reading and writing: the text of a parsed record parses to the
// same record.
func FuzzRemembered(f *testing.F) {
	for _, text := range []string{
		"Deployment/cart=v1", "Deployment/cart=v1,Rollout/cart;stand-in: Pod/x=y; pinned: app=cart, a/b=", ";", "pinned: ", "Deployment/cart; stand-in: pinned: a=b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := model.ParseRemembered(text)
		if err != nil {
			return
		}
		again, err := model.ParseRemembered(first.String())
		if err != nil {
			t.Fatalf("%q, which was written of %q: %v", first.String(), text, err)
		}
		if again.String() != first.String() {
			t.Fatalf("%q and %q", first.String(), again.String())
		}
		if !reflect.DeepEqual(again.Pinned, first.Pinned) {
			t.Fatalf("%v and %v", first.Pinned, again.Pinned)
		}
	})
}
