package compile

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Service is the findings about a Service.
type Service struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// State is Managed, Idle (nothing to override) or Skipped.
	State State `json:"state"`
	// Reason says why it is left alone.
	Reason diag.Code `json:"reason,omitempty"`
	// Why says the same for people, as in "no port carries HTTP".
	Why string `json:"-"`
	// Released says which rule chose the released pods.
	Released string `json:"released,omitempty"`
	// Pinned says how ordinary traffic is pinned to the released pods.
	Pinned   Pinned      `json:"pinned,omitempty"`
	Versions []Version   `json:"versions,omitempty"`
	Origin   diag.Origin `json:"-"`
	// Host is the fully qualified name.
	Host string `json:"host"`
	// Reaches is the host of the Service whose pods get requests to Host: Host itself, or
	// the one that an ExternalName Service stands for, through others if need be.
	Reaches string `json:"-"`
	// Unreleased are the pods behind it, or templates of pods, that the pin keeps ordinary
	// traffic from; none without a pin.
	Unreleased []model.Backend `json:"-"`
	// Previews are the pods behind it, or templates of pods, that should not get ordinary
	// traffic, with or without a pin.
	Previews []model.Backend `json:"-"`
	// Doors are the ways to its pods, if it has previews. The proof finds them.
	Doors []Door `json:"doors,omitempty"`
	// ReleasedPods are the pods behind it, or templates of pods, that are released.
	ReleasedPods []model.Backend `json:"-"`
	// ReleasedMissing is set if no released pods are behind it. Pinned then applies only if
	// no pin is in place yet.
	ReleasedMissing bool `json:"-"`
	// ReleasedWorkloads are the workloads of released pods.
	ReleasedWorkloads []model.Workload `json:"-"`
	// PinStays is set if a pin is needed although all pods are released, because not all of
	// them are remembered as released.
	PinStays bool `json:"-"`
	// Settings are those in force: of annotations, policies, and defaults.
	Settings model.Settings `json:"-"`
	// Callers are the workloads that have rows of the condition "from".
	Callers []model.Caller `json:"-"`
}

// Apart are the pods behind s, or templates of pods, that a pin keeps ordinary traffic from:
// the one that is made, or one in place if no released pods are there.
func (s *Service) Apart() []model.Backend {
	if s.ReleasedMissing && s.State == Managed {
		return s.Previews
	}
	return s.Unreleased
}

// Object returns the name of s for diagnostics.
func (s *Service) Object() diag.Object {
	return diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// State says what is made for a Service.
type State string

const (
	// Managed Services have a route table.
	Managed State = "Managed"
	// Idle Services have nothing to override, so nothing is made for them.
	Idle State = "Idle"
	// Skipped Services can't or must not be routed by version; people read "left alone".
	Skipped State = "LeftAlone"
)

// Pinned says how ordinary traffic is pinned to the released pods.
type Pinned string

const (
	// PinnedNowhere means that only released pods are there: no pin is needed.
	PinnedNowhere Pinned = "not needed"
	// PinnedByWorkload means by the released workload's selector.
	PinnedByWorkload Pinned = "by workload"
	// PinnedByVersion means by the version labels of the released pods.
	PinnedByVersion Pinned = "by version"
	// NotPinned means that ordinary traffic is shared by all pods.
	NotPinned Pinned = "shared"
)

// Version is one version of a Service.
type Version struct {
	Name      string   `json:"name"`
	Released  bool     `json:"released"`
	Pods      int      `json:"pods"`
	Ready     int      `json:"ready"`
	Workloads []string `json:"workloads,omitempty"`
	// Isolated names the Service of the version's own that its pods are behind: its name, or
	// NAME.NAMESPACE for one of another namespace.
	Isolated string `json:"isolated,omitempty"`
	// Expires is when the version expires; zero for never. Expired is set if it has.
	Expires time.Time `json:"expires,omitzero"`
	Expired bool      `json:"expired,omitempty"`
}

// serviceReports returns the findings about each Service.
func serviceReports(ix *index, all *services) []Service {
	out := make([]Service, 0, len(all.list))
	for _, s := range all.list {
		out = append(out, serviceReport(ix, s))
	}
	return out
}

// serviceReport returns the findings about s.
func serviceReport(ix *index, s *service) Service {
	unreleased := backendsThat(s.pods, func(b *backend) bool { return !b.ordinary })
	out := Service{
		Namespace: s.Namespace, Name: s.Name, Origin: s.Origin, Host: s.host, Reaches: ix.reaches(s.host), Released: s.released.why, Settings: s.settings,
		ReleasedPods: releasedPods(s), ReleasedMissing: s.released.missing,
		PinStays: s.released.pinStays() && !anyUnreleased(s.pods),
		Previews: previews(s, unreleased),
	}
	if slices.Contains(s.settings.Conditions, "from") {
		out.Callers = callersOf(ix, s)
	}
	switch {
	case s.skipped != nil:
		out.State, out.Reason, out.Why = Skipped, s.skipped.code, s.skipped.why
	case s.active():
		out.State, out.Pinned = Managed, s.pin.kind()
	default:
		out.State, out.Pinned = Idle, PinnedNowhere
	}
	if out.Pinned == PinnedByWorkload || out.Pinned == PinnedByVersion {
		out.Unreleased = unreleased
	}
	for _, b := range s.pods {
		if n := len(out.ReleasedWorkloads); b.released && (n == 0 || out.ReleasedWorkloads[n-1] != b.Workload) {
			out.ReleasedWorkloads = append(out.ReleasedWorkloads, b.Workload)
		}
	}
	if len(s.versions) > 0 {
		out.Versions = make([]Version, 0, len(s.versions))
	}
	for _, v := range s.versions {
		version := Version{Name: v.name, Released: v.released, Pods: v.pods, Ready: v.ready, Workloads: v.workloads, Expires: v.expires, Expired: v.expired}
		if v.isolated != nil {
			version.Isolated = nameIn(s.Namespace, v.isolated.service)
		}
		out.Versions = append(out.Versions, version)
	}
	return out
}

// nameIn names a Service as in a namespace: by its name, or as NAME.NAMESPACE if it is in
// another one.
func nameIn(namespace string, s *model.Service) string {
	if s.Namespace == namespace {
		return s.Name
	}
	return s.Name + "." + s.Namespace
}

// previews are the pods behind s that are not released; if it is not known which are
// released, those that are labelled as previews. A Service that asks to be left alone, or
// that is for a preview only, has none.
func previews(s *service, unreleased []model.Backend) []model.Backend {
	if s.VersionOf != "" || s.Headless || s.skipped != nil && s.skipped.code == diag.OptedOut {
		return nil
	}
	switch {
	case s.released.missing:
		// Some pods that are not released get ordinary traffic meanwhile.
		return backendsThat(s.pods, func(b *backend) bool { return !b.released })
	case s.released.why != "":
		return unreleased
	}
	return backendsThat(s.pods, func(b *backend) bool { return b.preview })
}

// releasedPods are the pods behind s that are released.
func releasedPods(s *service) []model.Backend {
	if len(s.pods) > 0 && !anyUnreleased(s.pods) {
		return s.Backends
	}
	return backendsThat(s.pods, func(b *backend) bool { return b.released })
}

// backendsThat lists the pods for which a condition holds.
func backendsThat(pods []backend, holds func(*backend) bool) []model.Backend {
	n := 0
	for i := range pods {
		if holds(&pods[i]) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]model.Backend, 0, n)
	for i := range pods {
		if b := &pods[i]; holds(b) {
			out = append(out, *b.Backend)
		}
	}
	return out
}

func (p *pin) kind() Pinned {
	switch {
	case !p.needed:
		return PinnedNowhere
	case len(p.parts) == 0:
		return NotPinned
	case p.parts[0].version == "":
		return PinnedByWorkload
	}
	return PinnedByVersion
}
