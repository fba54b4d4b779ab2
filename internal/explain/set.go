package explain

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// having lists the Services that a set is for: those with its version.
func (x *index) having(set grammar.Member) []*entry {
	var out []*entry
	for i := range x.snapshot.Services {
		s := &x.snapshot.Services[i]
		e := x.services[[2]string{s.Namespace, s.Name}]
		if (set.Namespace == "" || set.Namespace == s.Namespace) && e.report != nil && slices.ContainsFunc(e.report.Versions, func(v compile.Version) bool {
			return v.Name == set.Version
		}) {
			out = append(out, e)
		}
	}
	return out
}

// emptySet notes that no Service has the version of a set.
func (x *index) emptySet(set grammar.Member) *Note {
	where, there := "", false
	var versions []string
	for i := range x.result.Services {
		s := &x.result.Services[i]
		if set.Namespace != "" && set.Namespace != s.Namespace {
			continue
		}
		there = true
		for _, v := range s.Versions {
			versions = append(versions, v.Name)
		}
	}
	if set.Namespace != "" {
		where = " in namespace " + set.Namespace
	}
	n := note(diag.Warning, "no Service%s has a version %s%s", where, set.Version, DidYouMean(Nearest(set.Version, versions)))
	if !there && set.Namespace != "" {
		n.Message = fmt.Sprintf("there is no Service%s", where)
	}
	return &n
}
