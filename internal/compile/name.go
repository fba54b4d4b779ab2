package compile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	// ObjectSuffix ends the name of every object of Overrides.
	ObjectSuffix = "-overrides"
	// releasedSubset names the pods of the released workload.
	releasedSubset = "overrides-released"
	subsetPrefix   = "override-"
	maxLabel       = 63
	maxName        = 253
)

// subsetName returns the name of the subset of a version: a prefix, which keeps it apart
// from subsets of users, and the version. A version that is no DNS-1123 label is replaced by
// its valid characters and a hash; the doubled "-" keeps those names apart from all others.
func subsetName(version string) string {
	name := subsetPrefix + version
	if len(name) <= maxLabel && isLowerLabel(version) {
		return name
	}
	return withHash(subsetPrefix+"-"+model.LowerLabel(version), version, maxLabel)
}

// mangled returns another name for a subset whose name is taken.
func mangled(name string) string { return withHash(name, name, maxLabel) }

// ObjectName returns base with the suffix of Overrides' objects, within the limit of names.
func ObjectName(base string) string {
	if len(base)+len(ObjectSuffix) <= maxName {
		return base + ObjectSuffix
	}
	return withHash(base, base, maxName-len(ObjectSuffix)) + ObjectSuffix
}

// withHash returns name with "-" and a hash of another string, cut to at most limit bytes.
func withHash(name, of string, limit int) string {
	sum := sha256.Sum256([]byte(of))
	hash := hex.EncodeToString(sum[:])[:10]
	name = name[:min(len(name), limit-len(hash)-1)]
	return strings.TrimRight(name, "-.") + "-" + hash
}

func isLowerLabel(s string) bool {
	return s != "" && s == model.LowerLabel(s)
}

// wanted is the names that a table may have.
type wanted struct {
	namespace string
	// wants are bases of names, the best first; at least one.
	wants []string
	// key tells claims apart that want the same.
	key string
}

// uniqueNames returns a name for each claim, each once in a namespace. It does not depend on
// the order of the claims. All first choices come before any second one, so that a name stays
// as it is as long as nobody has a better right to it. Names of Services are reserved,
// whether the Service has a table now or not:
//
//	claim of VirtualService  beside the Services  wants           gets
//	foo                      bar                  foo, foo-hosts  foo-overrides
//	foo                      foo                  foo, foo-hosts  foo-hosts-overrides
//	foo                      foo, foo-hosts       foo, foo-hosts  foo-hosts-HASH-overrides
//
// The name of a foreign object is given only to a claim whose first choice it is: the caller
// reports that it is taken.
func uniqueNames(claims []wanted, reserved, foreign func(namespace, name string) bool) []string {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &claims[i], &claims[j]
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), slices.Compare(a.wants, b.wants), cmp.Compare(a.key, b.key))
	})
	out := make([]string, len(claims))
	taken := map[[2]string]bool{}
	for round := 0; len(order) > 0; round++ {
		order = slices.DeleteFunc(order, func(i int) bool {
			name := claims[i].choice(round)
			id := [2]string{claims[i].namespace, name}
			if taken[id] || reserved(id[0], id[1]) || (round > 0 && foreign(id[0], id[1])) {
				return false
			}
			taken[id], out[i] = true, name
			return true
		})
	}
	return out
}

// choice returns the choice of c in a round: the names that it wants, then the last of them
// with a hash of the round.
func (c *wanted) choice(round int) string {
	if round < len(c.wants) {
		return ObjectName(c.wants[round])
	}
	last := c.wants[len(c.wants)-1]
	return withHash(last, c.key+"/"+last+"/"+strconv.Itoa(round), maxName-len(ObjectSuffix)) + ObjectSuffix
}

// nameTables names the tables of hosts that are no Services after the VirtualServices that
// they stand beside. No such table gets the name of a Service's table, whether there is one
// now or not: a name that came and went with previews would be another object each time.
// It returns the drafts but for those that can't have their name, or must not be made.
func nameTables(ix *index, drafts []*draft, r *reporter) []*draft {
	var claims []wanted
	var hosts []*draft
	for _, d := range drafts {
		if len(d.of) > 0 {
			continue
		}
		hosts = append(hosts, d)
		claims = append(claims, d.wantedName())
	}
	reserved := func(namespace, name string) bool {
		return ix.service(strings.TrimSuffix(name, ObjectSuffix), namespace) != nil
	}
	foreign := func(namespace, name string) bool {
		return ix.foreign[diag.Object{Kind: "VirtualService", Namespace: namespace, Name: name}]
	}
	for i, name := range uniqueNames(claims, reserved, foreign) {
		hosts[i].table.Name = name
	}
	return filter(drafts, func(d *draft) bool {
		if len(d.of) > 0 {
			return true
		}
		object := istio.TableObject(&d.table)
		if why, rejected := ix.rejected.Objects[object]; rejected {
			r.reject(d.adopted, diag.OrdinaryTrafficWouldChange, "%s", why)
			return false
		}
		if ix.foreign[object] {
			r.reject(d.adopted, diag.NameTaken, "VirtualService %s exists, and Overrides did not make it", d.table.Name)
			return false
		}
		return true
	})
}
