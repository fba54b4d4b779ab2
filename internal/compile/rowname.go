package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rowNames names the rows that one of the user's routes has for the versions of one
// Service. The operator finds rows in a cluster by name, so names are unique, and the name of
// a row does not depend on other versions, nor on whether they are ready:
//
//	override.SERVICE.VERSION[.from-CALLER][.method-METHOD][LABEL]
//	unavailable.SERVICE[.from-CALLER][.method-METHOD][LABEL]
//	override.*.SERVICE.VERSION[LABEL]        for a set
//	unavailable.*.SERVICE[LABEL]             for a set
//
// Such a name is ambiguous if one of its parts has a separator of parts. Then it ends in "~"
// and a hash of everything that identifies the row. No part of other names has a "~".
type rowNames struct {
	of    *model.Service
	route int
	label string
	// plain is set if neither the Service nor the label makes names ambiguous.
	plain bool
	// taken are the names of the user's routes.
	taken []string
}

// rowNamesOf prepares the names of the rows of the i-th route for t.
func (b *builder) rowNamesOf(i int, t *service) rowNames {
	out := rowNames{of: t.Service, route: i, label: b.label(i)}
	name := b.routes[i].name
	out.plain = !strings.Contains(t.Name, ".") && !strings.ContainsAny(name, ".#:~") && !b.isSecond(t)
	for j := range b.routes {
		other := b.routes[j].name
		out.plain = out.plain && (j >= i || name == "" || other != name)
		if strings.HasPrefix(other, string(route.Override)+".") || strings.HasPrefix(other, string(route.Unavailable)+".") {
			out.taken = append(out.taken, other)
		}
	}
	return out
}

// isSecond reports whether the routes also lead to a Service of the same name as t in another
// namespace, which the name alone is more likely to mean: t is not in the namespace of the
// table.
func (b *builder) isSecond(t *service) bool {
	d := b.draft
	if slices.Contains(d.of, t) || t.Namespace == d.table.Namespace {
		return false
	}
	called := func(s *service) bool { return s != nil && s.Name == t.Name && s != t }
	return slices.ContainsFunc(d.of, called) || slices.ContainsFunc(b.routes, func(r userRoute) bool {
		return slices.ContainsFunc(r.destinations, func(to route.Destination) bool { return called(b.services.byHost[to.Host]) })
	})
}

// name returns the name of the row of a kind for a version; rows of no version have an empty
// one.
func (n *rowNames) name(kind route.Kind, version string, c *condition) string {
	dot, set := "", ""
	if version != "" {
		dot = "."
	}
	if c.set {
		set = grammar.SetName + "."
	}
	out := string(kind) + "." + set + n.of.Name + dot + version + c.suffix + n.label
	if n.plain && c.plain() && !separates(version) && !slices.Contains(n.taken, out) {
		return out
	}
	about := fmt.Sprintf("%q %d", []string{
		string(kind), n.of.Namespace, n.of.Name, version, c.caller.Namespace, c.caller.Name, c.caller.Label, c.Method,
	}, n.route)
	sum := sha256.Sum256([]byte(about))
	return out + "~" + hex.EncodeToString(sum[:])[:10]
}

// plain reports whether the suffix of c can't be confused with a version or another
// condition.
func (c *condition) plain() bool { return !c.namesake && !strings.Contains(c.From, methodPrefix) }

// separates reports whether a version reads like a version with a condition.
func separates(version string) bool {
	return strings.Contains(version, fromPrefix) || strings.Contains(version, methodPrefix)
}

// Prefixes of the conditions in the name of a row.
const (
	fromPrefix   = ".from-"
	methodPrefix = ".method-"
)
