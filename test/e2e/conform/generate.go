package conform

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator makes cases for a world. It knows only the world, and not the compiled
// tables, so that every stage plays the same cases.
type generator struct {
	*rand.Rand
	world *World
}

// Generate returns n cases, the same for the same world and seed. The ways to make one
// take turns.
func Generate(w *World, seed uint64, n int) []Case {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), world: w} //nolint:gosec // not for secrets
	out := make([]Case, 0, n)
	for i := range n {
		way := ways[i%len(ways)]
		c := g.request()
		c.Kind = way.kind
		c.Name = fmt.Sprintf("%s-%03d", way.kind, i)
		s, err := w.Service(c.Service)
		if err != nil {
			continue // request took it from the world
		}
		c.Header = append(g.extra(), way.make(g, s)...)
		out = append(out, c)
	}
	return out
}

// Kinds lists the ways in which cases are generated.
func Kinds() []string {
	var out []string
	for _, w := range ways {
		out = append(out, w.kind)
	}
	return out
}

type way struct {
	kind string
	make func(*generator, *Service) []Header
}

var ways = []way{
	{"ordinary", (*generator).ordinary},
	{"valid", (*generator).valid},
	{"parameters", (*generator).parameters},
	{"near-version", (*generator).nearVersion},
	{"near-name", (*generator).nearName},
	{"white-space", (*generator).whiteSpace},
	{"lines", (*generator).lines},
	{"baggage", (*generator).baggage},
	{"both-carriers", (*generator).both},
	{"unknown-parameter", (*generator).unknown},
	{"strict", (*generator).strict},
	{"several", (*generator).several},
	{"empty-members", (*generator).empties},
	{"mutated", (*generator).mutated},
	{"set", (*generator).set},
}

// one returns one element of a list, or the zero value if it is empty.
func one[T any](g *generator, list []T) T {
	var zero T
	if len(list) == 0 {
		return zero
	}
	return list[g.IntN(len(list))]
}

// chance is true in n percent of the calls.
func (g *generator) chance(n int) bool { return g.IntN(100) < n }

// request returns a case without its headers.
func (g *generator) request() Case {
	s := &g.world.Services[g.IntN(len(g.world.Services))]
	c := Case{
		From: one(g, g.world.Callers()), Service: g.world.short(s.Name, s.Namespace),
		Port:   one(g, s.Ports).Number,
		Method: one(g, []string{"GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH"}),
		Path:   one(g, append([]string{"/", "/?x-override=cart:v2"}, g.world.Vocabulary.Paths...)),
	}
	namespace := g.world.Namespaces[0]
	if caller, err := g.world.Workload(c.From); err == nil {
		namespace = caller.Namespace
	}
	hosts := append(s.names(namespace), g.world.Vocabulary.Hosts[c.Service]...)
	c.Host = one(g, hosts)
	if c.Port != 80 || g.chance(30) {
		c.Host = fmt.Sprintf("%s:%d", c.Host, c.Port)
	}
	return c
}

// extra returns headers that the user's routes match.
func (g *generator) extra() []Header {
	if len(g.world.Vocabulary.Headers) == 0 || g.chance(50) {
		return nil
	}
	h, err := ParseHeader(one(g, g.world.Vocabulary.Headers))
	if err != nil {
		return nil // the test of the worlds reads them all
	}
	return []Header{h}
}

func override(value string) Header { return Header{Name: "x-override", Value: value} }

// name returns the name of s for a member.
func (g *generator) name(s *Service) string {
	if g.chance(30) {
		return s.Name + "." + s.Namespace
	}
	return s.Name
}

// member returns a member for some version of s.
func (g *generator) member(s *Service) string {
	return g.name(s) + ":" + cmp.Or(one(g, g.world.versions(s)), "v1")
}

// others returns members for other Services, and for unknown ones.
func (g *generator) others(n int) []string {
	var out []string
	for range g.IntN(n + 1) {
		if g.chance(40) {
			out = append(out, "elsewhere:v1")
			continue
		}
		out = append(out, g.member(&g.world.Services[g.IntN(len(g.world.Services))]))
	}
	return out
}

// among puts a member between others.
func (g *generator) among(member string, n int) []string {
	members := g.others(n)
	return slices.Insert(members, g.IntN(len(members)+1), member)
}

func (g *generator) ordinary(s *Service) []Header {
	return one(g, [][]Header{
		nil,
		{{"baggage", "userId=alice"}},
		{{"baggage", "overrides=v2"}},
		{{"baggage", "xoverride." + s.Name + "=v2"}},
		{{"x-overrides", g.member(s)}},
		{{"x-overrid", g.member(s)}},
		{{"x-override-error", "none"}, {"accept", "*/*"}},
	})
}

func (g *generator) valid(s *Service) []Header {
	return []Header{override(strings.Join(g.among(g.member(s), 3), one(g, []string{",", ", "})))}
}

// conditions returns parameters, of which some hold and some do not.
func (g *generator) conditions() []string {
	var out []string
	if g.chance(50) {
		out = append(out, "strict")
	}
	if g.chance(50) {
		out = append(out, "from="+one(g, g.callerNames()))
	}
	if g.chance(40) {
		out = append(out, "method="+one(g, []string{"GET", "POST", "PUT", "TRACE"}))
	}
	g.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// callerNames are names of callers, and one of no caller.
func (g *generator) callerNames() []string {
	out := []string{"nobody"}
	for i := range g.world.Workloads {
		l := &g.world.Workloads[i]
		out = append(out, cmp.Or(l.Labels[app], l.Name))
	}
	return out
}

func (g *generator) parameters(s *Service) []Header {
	member := g.member(s)
	for _, p := range g.conditions() {
		member += one(g, []string{";", "; ", " ;", " ; "}) + p //nolint:modernize // a few short words
	}
	return []Header{override(strings.Join(g.among(member, 2), ", "))}
}

func (g *generator) nearVersion(s *Service) []Header {
	v := cmp.Or(one(g, g.world.versions(s)), "v1")
	near := one(g, []string{
		v + "0", v + ".1", v + "-", v + "_", v + ".", "x" + v, "-" + v, v[:len(v)-1], strings.ToUpper(v), strings.ToLower(v) + "x",
		strings.ReplaceAll(v, ".", "x"), strings.ReplaceAll(v, "-", "."), " " + v, v + " x", v + "/", v + "%", v + v, `"` + v + `"`, v + "*", ".*", "",
	})
	return []Header{override(strings.Join(g.among(g.name(s)+":"+near, 2), ","))}
}

func (g *generator) nearName(s *Service) []Header {
	near := one(g, []string{
		"x" + s.Name, s.Name + "x", s.Name + "-", "-" + s.Name, "x-" + s.Name, s.Name + "-v2", s.Name[1:], strings.ToUpper(s.Name[:1]) + s.Name[1:],
		s.Name + ".", "." + s.Name, s.Name + ".elsewhere", s.Name + "." + s.Namespace + "x", s.Name + "." + s.Namespace + ".svc", s.Name + "/" + s.Namespace,
		s.Name + " ", s.Name + ":" + s.Name, s.FQDN(), "override." + s.Name, "a=" + s.Name, s.Name + "." + one(g, g.world.Namespaces),
	})
	return []Header{override(strings.Join(g.among(near+":"+cmp.Or(one(g, g.world.versions(s)), "v1"), 2), ","))}
}

// space is white space, possibly empty.
func (g *generator) space() string { return one(g, []string{"", " ", "\t", "  ", " \t "}) }

func (g *generator) whiteSpace(s *Service) []Header {
	var out strings.Builder
	for i, m := range g.among(g.member(s), 3) {
		if i > 0 {
			out.WriteString(",")
		}
		if g.chance(10) { // where none is allowed
			m = strings.Replace(m, ":", one(g, []string{" :", ": ", ":\t"}), 1)
		}
		out.WriteString(g.space() + m + g.space())
		if g.chance(40) {
			out.WriteString(";" + g.space() + "strict" + g.space())
		}
	}
	return []Header{override(out.String())}
}

func (g *generator) lines(s *Service) []Header {
	var out []Header
	for _, m := range g.among(g.member(s), 3) {
		out = append(out, override(m))
		if g.chance(20) {
			out = append(out, override(""))
		}
	}
	if len(out) == 1 {
		out = append(out, override("elsewhere:v1"))
	}
	return out
}
