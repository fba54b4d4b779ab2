package compiletest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
)

const draws = 2000

func occurrences() []occurrence {
	return slices.Concat(hostShapes, visibilityShapes, routeShapes, serviceShapes)
}

// TestEveryShapeOccurs counts what is generated if everything is asked for: each form of
// each shape, several times. With -v it prints the counts.
func TestEveryShapeOccurs(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	generator := compiletest.Snapshot(compiletest.All, compiletest.Refused)
	for seed := range draws {
		s := look{generator.Example(seed)}
		for _, o := range occurrences() {
			if o.holds(s) {
				counts[o.shape.String()+": "+o.form]++
			}
		}
		for _, p := range pairs {
			if p.holds(s) {
				counts["pair: "+p.form]++
			}
		}
	}
	var report strings.Builder
	check := func(name string, least int) {
		fmt.Fprintf(&report, "%6d  %s\n", counts[name], name)
		if counts[name] < least {
			t.Errorf("%s: %d times in %d draws, want %d", name, counts[name], draws, least)
		}
	}
	for _, o := range occurrences() {
		check(o.shape.String()+": "+o.form, draws/200)
	}
	for _, p := range pairs {
		check("pair: "+p.form, draws/500)
	}
	t.Logf("in %d draws\n%s", draws, report.String())
}

// alsoPlain is now and then in clusters without any shape.
const alsoPlain = compiletest.Unready

// TestShapesCanBeLeftOut asks for everything but one shape, and for that one alone.
func TestShapesCanBeLeftOut(t *testing.T) {
	t.Parallel()
	everything := compiletest.All | compiletest.Refused
	for shape := compiletest.Shapes(1); shape&everything != 0; shape <<= 1 {
		var forms []occurrence
		for _, o := range occurrences() {
			if o.shape == shape {
				forms = append(forms, o)
			}
		}
		if len(forms) == 0 {
			t.Errorf("%s: nobody looks for it", shape)
		}
		others, alone := compiletest.Snapshot(everything&^shape), compiletest.Snapshot(shape)
		found := false
		for seed := range 150 {
			without, with := look{others.Example(seed)}, look{alone.Example(seed)}
			for _, o := range forms {
				if shape != alsoPlain && o.holds(without) {
					t.Fatalf("%s was left out, and is there: %s, seed %d", shape, o.form, seed)
				}
				found = found || o.holds(with)
			}
		}
		if !found {
			t.Errorf("%s was asked for alone, and is never there", shape)
		}
	}
}
