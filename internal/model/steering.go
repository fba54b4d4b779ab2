package model

// Steering names the controller that changes an object continuously: a Flagger Canary or
// an Argo Rollout. The zero Steering means that there is none.
type Steering struct {
	// Kind is "Canary" or "Rollout".
	Kind string
	// Name is empty if only a field manager of the object is known.
	Name string
}

// Is reports whether anything steers the object.
func (s Steering) Is() bool { return s.Kind != "" }

// Controller is the program.
func (s Steering) Controller() string {
	if s.Kind == "Rollout" {
		return "Argo Rollouts"
	}
	return "Flagger"
}

// String returns "Canary cart", or "Flagger" if no name is known.
func (s Steering) String() string {
	if s.Name == "" {
		return s.Controller()
	}
	return s.Kind + " " + s.Name
}
