package model

import (
	"time"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// OverrideGrant is an OverrideGrant that is live: accepted, not ended and not being deleted.
type OverrideGrant struct {
	Namespace, Name string
	// Created is when it was made.
	Created time.Time
	// ID is the claim jti of its tokens.
	ID string
	// Members are what its tokens ask for.
	Members []grammar.Member
}
