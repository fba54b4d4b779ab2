package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rowNames names the rows that one of the user's routes has for the versions of
// one Service. The operator finds rows in a cluster by name, so that two rows
// never have one, and the name of a row depends neither on which other versions
// there are nor on which can serve:
//
//	override.SERVICE.VERSION[.from-CALLER][.method-METHOD][LABEL]
//	unavailable.SERVICE[.from-CALLER][.method-METHOD][LABEL]
//
// Such a name can be taken apart again unless a part of it holds what separates
// parts. Then "~" and a hash of all that the row is about follow, and no part
// of other names holds a "~".
type rowNames struct {
	of    *model.Service
	route int
	label string
	// plain is set where neither the Service nor the label asks for a hash.
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

// isSecond reports whether the routes lead to a Service of another namespace
// that is called like t and more likely to be meant by the name alone: the table
// is in that namespace, or in neither.
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

// name returns the name of the row of a kind for a version, which is empty for
// rows without one.
func (n *rowNames) name(kind route.Kind, version string, c *condition) string {
	dot := ""
	if version != "" {
		dot = "."
	}
	out := string(kind) + "." + n.of.Name + dot + version + c.suffix + n.label
	if n.plain && c.plain() && !separates(version) && !slices.Contains(n.taken, out) {
		return out
	}
	about := fmt.Sprintf("%q %d", []string{
		string(kind), n.of.Namespace, n.of.Name, version, c.caller.Namespace, c.caller.Name, c.caller.Label, c.Method,
	}, n.route)
	sum := sha256.Sum256([]byte(about))
	return out + "~" + hex.EncodeToString(sum[:])[:10]
}

// plain reports whether the suffix of c can be told from a version or another
// condition.
func (c *condition) plain() bool { return !c.namesake && !strings.Contains(c.From, methodPrefix) }

// separates reports whether a version reads like one with a condition.
func separates(version string) bool {
	return strings.Contains(version, fromPrefix) || strings.Contains(version, methodPrefix)
}

// What begins the conditions in the name of a row.
const (
	fromPrefix   = ".from-"
	methodPrefix = ".method-"
)
