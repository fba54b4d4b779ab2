package model

// Steering names what changes an object as it goes on: a Flagger Canary or an Argo
// Rollout. The zero Steering is that nothing does.
type Steering struct {
	// Kind is "Canary" or "Rollout".
	Kind string
	// Name is empty where only a field manager of the object tells.
	Name string
}

// Is reports whether anything steers the object.
func (s Steering) Is() bool { return s.Kind != "" }

// Controller is the program that does it.
func (s Steering) Controller() string {
	if s.Kind == "Rollout" {
		return "Argo Rollouts"
	}
	return "Flagger"
}

// String returns "Canary cart", or "Flagger" where no name is known.
func (s Steering) String() string {
	if s.Name == "" {
		return s.Controller()
	}
	return s.Kind + " " + s.Name
}
