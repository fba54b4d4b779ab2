// Package queue decides which version of a service takes a queued message, by the
// overrides of the request that sent it: as the routes of the mesh do for a request.
//
// Input: the carriers of a message, which its producer puts into the message's attributes
// ([override.Carriers.AddToMap]) and its consumer takes out ([override.ExtractMap]), and
// the versions of the service that read the queue. Output: the version that takes the
// message; or, for each of several consumers that all see it, whether to take it.
//
// A queue knows neither the caller nor an HTTP method. So overrides with from or method
// are not followed, as at a Service whose routes have no conditions.
package queue

import (
	"errors"
	"slices"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/internal/grammar"
)

// Service is the service whose versions read a queue. All of them must know the same
// versions: otherwise two could take a message, or none.
type Service struct {
	// Name is the name of the Service in overrides; Namespace is its namespace.
	Name, Namespace string
	// Released is the version that takes messages without an override. It must not be empty.
	Released string
	// Versions are the other versions that read the queue now.
	Versions []string
}

// ErrUnavailable means that a message has a strict override for a version that does not
// read the queue. Nobody takes it; see [Refuse].
var ErrUnavailable = errors.New("the requested version does not read the queue, and the override is strict")

// Version returns the version that takes a message: the requested one if it reads the
// queue, else the released one, or [ErrUnavailable]. An override that names the service
// wins over a set.
func (s Service) Version(c override.Carriers) (string, error) {
	if c.IsZero() {
		return s.Released, nil
	}
	header, baggage := c.Override(), c.Baggage()
	named := grammar.Service{Name: s.Name, Namespace: s.Namespace}
	versions := s.all()
	for _, version := range versions {
		if grammar.Follows(header, named, version, grammar.Condition{}) || grammar.FollowsBaggage(baggage, named, version) {
			return version, nil
		}
	}
	if grammar.StrictDue(header, named, grammar.Judged{}, grammar.Condition{}) {
		return "", ErrUnavailable
	}
	for _, version := range versions {
		if grammar.FollowsSet(header, named, version) || grammar.FollowsBaggageSet(baggage, named, version) {
			return version, nil
		}
	}
	if grammar.StrictSetDue(header, named, versions) { // malformed, but it means one of them
		return "", ErrUnavailable
	}
	return s.Released, nil
}

// all returns the versions in the order of the mesh's routes: by name.
func (s Service) all() []string {
	all := append([]string{s.Released}, s.Versions...)
	slices.Sort(all)
	return all
}

// Answer is what a consumer does with a message.
type Answer int

// The answers.
const (
	// Skip means that another version deals with the message: acknowledge it for this
	// version's subscription.
	Skip Answer = iota
	// Take means that this version processes the message.
	Take
	// Refuse means that no version may process the message, and this one says so: it puts the
	// message aside, as a dead letter, with [ErrUnavailable] as the reason. Only the
	// released version gets this answer.
	Refuse
)

// String returns "skip", "take" or "refuse".
func (a Answer) String() string {
	switch a {
	case Take:
		return "take"
	case Refuse:
		return "refuse"
	case Skip:
	}
	return "skip"
}

// Consumer returns the answer of the consumers of one version, each of which sees every
// message, in a subscription or consumer group of that version's own. If all versions of s
// ask, exactly one does not get [Skip].
func (s Service) Consumer(version string, c override.Carriers) Answer {
	taken, err := s.Version(c)
	switch {
	case err != nil && version == s.Released:
		return Refuse
	case err == nil && version == taken:
		return Take
	}
	return Skip
}
