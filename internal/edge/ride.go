package edge

import (
	"regexp"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Package carry lets overrides and tokens ride in other headers, within the pod of a program:
//
//	x-request-id: ID~NAME~VALUE
//	tracestate: NAME=VALUE,NAME-more=VALUE,…
//
// NAME is the name of the header that rides. From outside, nothing may come in these.

// MoreSuffix ends the name of the member of tracestate that has the rest of a long value.
const MoreSuffix = "-more"

const (
	requestIDHeader  = "x-request-id"
	traceStateHeader = "tracestate"
)

// rides removes what rides in the headers of a request. A header in which something rides is
// replaced as a whole.
func rides(carrier string) []mutation {
	names := regexp.QuoteMeta(carrier) + `(?:` + regexp.QuoteMeta(grammar.TokenHeader("")) + `)?`
	return []mutation{
		{requestIDHeader, replace, []extraction{{
			header: requestIDHeader, contains: []string{"~" + carrier}, pattern: `~` + names + `~`, made: "overrides=removed",
		}}},
		{traceStateHeader, replace, []extraction{{
			header: traceStateHeader, contains: []string{carrier}, pattern: `(?:^|,)[ \t]*` + names + `(?:` + MoreSuffix + `)?[ \t]*=`, made: "overrides=removed",
		}}},
	}
}
