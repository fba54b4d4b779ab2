package stage

// Programs are the built programs of this repository.
type Programs struct {
	// Overrides is cmd/overrides, Sample cmd/sample.
	Overrides, Sample string
}
