package model

import (
	"slices"
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

// Equal reports whether g and o are the same grant, for the same.
func (g OverrideGrant) Equal(o OverrideGrant) bool {
	return g.Namespace == o.Namespace && g.Name == o.Name && g.Created.Equal(o.Created) && g.ID == o.ID && slices.Equal(g.Members, o.Members)
}
