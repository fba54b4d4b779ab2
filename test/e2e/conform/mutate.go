package conform

import (
	"cmp"
	"strings"
)

// baggageMember is a member for some version of s, valid or not.
func (g *generator) baggageMember(s *Service) string {
	name, version := g.name(s), cmp.Or(one(g, g.world.versions(s)), "v1")
	member := "override." + name + "=" + version
	if g.chance(60) {
		return member
	}
	return one(g, []string{
		member + ";ttl=1", member + " ; p", "override." + name + " = " + version, member + "0", "x" + member,
		"override." + name + "=" + strings.ReplaceAll(version, ".", "%2E"), "override." + name + "x=" + version,
		"override." + name + ":" + version, "Override." + name + "=" + version, "override." + name + "=",
		`override.` + name + `="` + version + `"`,
	})
}

func (g *generator) baggage(s *Service) []Header {
	members := []string{g.baggageMember(s)}
	for range g.IntN(3) {
		members = append(members, one(g, []string{"userId=alice", "a=b;c=d", "override.elsewhere=v1", "k=override." + s.Name}))
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	if g.chance(30) {
		var out []Header
		for _, m := range members {
			out = append(out, Header{"baggage", m})
		}
		return out
	}
	return []Header{{"baggage", strings.Join(members, one(g, []string{",", ", ", " ,"}))}}
}

func (g *generator) both(s *Service) []Header {
	out := append(one(g, []func(*Service) []Header{g.valid, g.parameters, g.lines, g.nearVersion})(s), g.baggage(s)...)
	g.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (g *generator) unknown(s *Service) []Header {
	parameter := one(g, []string{
		"weight=5", "x", "Strict", "strict=true", "strict=?1", "from", "from=", "method", "method=get", "fromm=web", "xfrom=web",
		"", "ttl=1;strict", "strict;ttl=1", "strict;strict", "from=web;from=web", "methods=GET;strict", "=", "strict=",
	})
	return []Header{override(strings.Join(g.among(g.member(s)+";"+parameter, 2), ", "))}
}

// strict returns strict members, mostly for versions that can't serve.
func (g *generator) strict(s *Service) []Header {
	version := one(g, []string{"v99", "v99", "gone", "v 9", "*", "v9/1"})
	if g.chance(20) {
		version = cmp.Or(one(g, g.world.versions(s)), "v1")
	}
	member := g.name(s) + ":" + version
	for _, p := range g.conditions() {
		if p != "strict" {
			member += ";" + p //nolint:modernize // a few short words
		}
	}
	member += one(g, []string{";strict", "; strict", ";ttl=1;strict", ";strict;x", ";strict ", ";\tstrict"})
	return []Header{override(strings.Join(g.among(member, 2), one(g, []string{",", ", "})))}
}

// several returns several members for one Service, with different conditions.
func (g *generator) several(s *Service) []Header {
	var members []string
	for range 2 + g.IntN(3) {
		members = append(members, strings.Join(append([]string{g.member(s)}, g.conditions()...), ";"))
	}
	if g.chance(30) {
		return []Header{override(members[0]), override(strings.Join(members[1:], ","))}
	}
	return []Header{override(strings.Join(members, ", "))}
}

// set returns a set, well-formed or nearly so, mostly beside members for some Services, in
// either carrier.
func (g *generator) set(s *Service) []Header {
	version := cmp.Or(one(g, g.world.versions(s)), "v1")
	if g.chance(25) {
		key := one(g, []string{"override", "override ", "override.*." + s.Namespace, "override.*." + one(g, g.world.Namespaces), "override.*", "overrides", "Override"})
		members := []string{key + "=" + version, one(g, []string{"userId=alice", g.baggageMember(s)})}
		g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		out := []Header{{"baggage", strings.Join(members, ",")}}
		if g.chance(40) {
			out = append(out, g.valid(s)...)
		}
		return out
	}
	name := one(g, []string{"*", "*", "*", "*", "*." + s.Namespace, "*." + one(g, g.world.Namespaces), "*.elsewhere", "**", "*" + s.Name, "*.", "* "})
	member := name + ":" + version + one(g, []string{"", "", "", ";strict", " ; strict", ";ttl=1;strict", ";from=" + one(g, g.callerNames()), ";strict;method=GET", ";", "0"})
	return []Header{override(strings.Join(g.among(member, 3), one(g, []string{",", ", "})))}
}

func (g *generator) empties(s *Service) []Header {
	m := g.member(s)
	return []Header{override(one(g, []string{
		"", ",", "," + m, m + ",", ",," + m + ",,", " , " + m, m + ",;", ";," + m, m + ";", ":", m + ",:", ",\t,", ";strict", "," + m + ";strict,",
	}))}
}

// alphabet has the bytes that a mutation puts into a header: those with a meaning, and a
// few without. It has no bytes outside ASCII, since versions of Envoy treat them
// differently.
const alphabet = ",;:=. \t-_%*\"'\\/()[]{}|^$+?av120Z"

// mutated is a header that is valid except for one to three bytes.
func (g *generator) mutated(s *Service) []Header {
	h := one(g, []func(*Service) []Header{g.valid, g.parameters, g.strict, g.baggage, g.several})(s)
	last := &h[len(h)-1]
	value := []byte(last.Value)
	for range 1 + g.IntN(3) {
		if len(value) == 0 {
			break
		}
		at, with := g.IntN(len(value)), alphabet[g.IntN(len(alphabet))]
		switch g.IntN(3) {
		case 0:
			value[at] = with
		case 1:
			value = append(value[:at], value[at+1:]...)
		default:
			value = append(value[:at], append([]byte{with}, value[at:]...)...)
		}
	}
	last.Value = string(value)
	return h
}
