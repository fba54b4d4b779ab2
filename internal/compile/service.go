package compile

import (
	"github.com/overrides-mesh/overrides/internal/model"
)

// given is a Service as the snapshot and the settings describe it, before a step has
// decided anything about it.
type given struct {
	*model.Service
	host     string
	settings model.Settings
	// backends are the pods behind the Service, unmarked.
	backends []backend
	// isolated are its versions behind Services of their own.
	isolated []isolated
	// beside is what another Service knows about the pods of a headless one.
	beside beside
}

// backend is one group of pods behind a Service.
type backend struct {
	*model.Backend
	// version is the value of the version label, "" for none.
	version string
	preview bool
	// released is a mark of [findReleased].
	released bool
	// ordinary marks pods that get ordinary traffic: the released ones, or, if there are
	// none, all that are no previews. [findReleased] and [choosePin] set it.
	ordinary bool
}

// service is what the steps have made of one Service.
type service struct {
	given
	// skipped says why it is left alone; nil if it is not.
	skipped  *skip
	released released
	versions []version
	pin      pin
	subsets  subsetPlan
	// access says which callers follow its overrides; nil if all do.
	access *access
	// pods are its backends with the marks of the steps.
	pods []backend
}

// active reports whether there is anything to make for s.
func (s *service) active() bool {
	return s.skipped == nil && (s.pin.needed || len(s.isolated) > 0 || anyUnreleased(s.pods) || s.settings.Strict == model.StrictAlways)
}

// compileService runs the steps for one Service. A step gets what it reads and returns
// what it makes; nothing else sets a field of s but the search for reasons to skip it.
func compileService(ix *index, all *services, s *service, r *reporter) {
	s.backends = readBackends(s.Backends, s.settings.VersionLabel)
	s.pods = s.backends
	in := &skipInput{ix: ix, all: all, service: s}
	if s.skipped = firstReason(asGiven, in, r); s.skipped != nil && s.VersionOf == "" {
		return
	}
	reportSelectsNothing(s.Service, r)
	if s.skipped != nil {
		return
	}
	s.released, s.pods = findReleased(&s.given, r)
	s.isolated = usableIsolated(&s.given, s.pods, r)
	s.skipped = firstReason(afterReleased, in, r)
	s.versions = expireVersions(ix, s, listVersions(&s.given, s.pods, r), r)
	for i := range s.versions {
		v := &s.versions[i]
		v.notClosed = ix.isNotClosed(model.VersionName{Namespace: s.Namespace, Service: s.Name, Version: v.name})
	}
	if !s.Headless {
		reportNameless(&s.given, &s.released, s.pods, r)
	}
	s.pin, s.pods = choosePin(ix, s, r)
	if s.skipped == nil {
		reportSharedVersions(s, r)
	}
	if s.active() {
		s.subsets, s.skipped = planSubsets(ix, s, r)
		s.nameSubsets()
	}
}

// nameSubsets gives the parts of the pin and the versions their subsets.
func (s *service) nameSubsets() {
	for i, name := range s.subsets.ofParts {
		s.pin.parts[i].subset = name
	}
	for i, name := range s.subsets.ofVersions {
		s.versions[i].subset = name
	}
}
