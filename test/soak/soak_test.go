package soak_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/soak"
)

const root = "../.."

// options are the options of a slice: a soak of a minute or two.
func options(t *testing.T) soak.Options {
	t.Helper()
	o := soak.DefaultOptions()
	o.Envoy = programtest.E2E.Envoy(t)
	programtest.E2E.Need(t, program.Kubernetes(), program.Istio())
	o.Dir = t.TempDir()
	o.Overrides, o.Sample = filepath.Join(o.Dir, "overrides"), filepath.Join(o.Dir, "sample")
	err := programtest.Build(t.Context(), root, o.Dir, "./cmd/overrides", "./cmd/sample")
	if err != nil {
		t.Fatal(err)
	}
	if o.CRD, err = filepath.Abs(filepath.Join(root, "config/crd/overrides.mesh_overridepolicies.yaml")); err != nil {
		t.Fatal(err)
	}
	o.Log = t.Output()
	return o
}

// run runs a soak, and returns its output and its error.
func run(t *testing.T, o soak.Options) (string, error) {
	t.Helper()
	s, err := soak.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.Cycles(t.Context()), s.Finish(t.Context()))
	var text strings.Builder
	err = errors.Join(err, s.Report(&text))
	if closed := s.Close(); closed != nil && !errors.Is(closed, context.Canceled) {
		t.Error(closed)
	}
	t.Log(text.String())
	return text.String(), err
}

// TestSlice soaks the operator for a few cycles: first previews are ready when they may
// be, and then at any time, with the operator killed repeatedly.
func TestSlice(t *testing.T) {
	for _, slice := range []struct {
		name string
		set  func(*soak.Options)
	}{
		{"Calm", func(o *soak.Options) { o.Cycles = 10 }},
		{"Faults", func(o *soak.Options) {
			o.Cycles, o.From, o.Hold = 20, 20, true
			o.Faults, o.Every, o.Kills = []string{"kill", "istiod", "cut"}, soak.DefaultOptions().Every/2, 3
		}},
	} {
		t.Run(slice.name, func(t *testing.T) {
			o := options(t)
			slice.set(&o)
			if _, err := run(t, o); err != nil {
				t.Error(err)
			}
		})
	}
}
