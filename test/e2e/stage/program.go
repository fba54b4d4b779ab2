package stage

// Programs are those of this repository, built.
type Programs struct {
	// Overrides is cmd/overrides, Sample cmd/sample.
	Overrides, Sample string
}
