package istio_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// TestMeshGolden asks istiod the questions that the testdata of package internal/mesh
// asks the model: which object gives callers an authority, and to which clusters, some of
// which are missing; and for rules, which object and which subsets are in force. It skips
// questions about the reverse order of names, since istiod has one order.
func TestMeshGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/mesh/testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if before131 && strings.Contains(string(archive.Comment), "From 1.31 on") {
				t.Skip("an older Istio")
			}
			a := &goldenAsker{loaded: map[string]*oracle.Mesh{}}
			want := ""
			for _, f := range archive.Files {
				switch f.Name {
				case "input.yaml":
					a.users = string(f.Data)
				case "ours.yaml":
					a.ours = string(f.Data)
				case "want.txt":
					want = string(f.Data)
				}
			}
			asked := 0
			for _, block := range blocks(want) {
				got, ok := a.answer(t, block[0])
				if !ok {
					continue
				}
				asked++
				if diff := cmp.Diff(inShort(block), got); diff != "" {
					t.Errorf("%s (-model +istiod):\n%s", block[0], diff)
				}
			}
			t.Logf("%d asks", asked)
		})
	}
}

// blocks returns each ask with the lines of its answer.
func blocks(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if rest, isAnswer := strings.CutPrefix(line, "    "); isAnswer && len(out) > 0 {
			out[len(out)-1] = append(out[len(out)-1], rest)
		} else {
			out = append(out, []string{line})
		}
	}
	return out
}

// inShort returns only the parts of an answer that istiod is asked about.
func inShort(block []string) []string {
	var out []string
	for i, line := range block[1:] {
		if strings.HasPrefix(block[0], "rule ") {
			if words := strings.Fields(line); words[0] == "subset" {
				out = append(out, "subset "+words[1])
			} else if i == 0 {
				out = append(out, line)
			}
			continue
		}
		if _, to, isRoute := strings.Cut(line, " -> "); isRoute {
			to, _, _ = strings.Cut(to, "(")
			line = "-> " + strings.TrimSpace(to)
		}
		out = append(out, line)
	}
	if strings.HasPrefix(block[0], "rule ") {
		slices.Sort(out)
	}
	return out
}

type goldenAsker struct {
	users, ours string
	// revision and older describe the current mesh.
	loaded  map[string]*oracle.Mesh
	reverse bool
	created string
}

func (a *goldenAsker) mesh(t *testing.T, revision string) *oracle.Mesh {
	t.Helper()
	key := revision + " " + a.created
	if m := a.loaded[key]; m != nil {
		return m
	}
	created := a.created
	if created == "" {
		created = "1990-01-01T00:00:00Z"
	}
	ours := strings.ReplaceAll(a.ours, "metadata: {", `metadata: {creationTimestamp: "`+created+`", `)
	m, err := oracle.Load([]byte(a.users+"\n---\n"+ours), oracle.Options{Revision: revision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	a.loaded[key] = m
	return m
}

// answer asks istiod; it returns false for questions that it skips.
func (a *goldenAsker) answer(t *testing.T, ask string) ([]string, bool) {
	t.Helper()
	words := strings.Fields(ask)
	switch {
	case len(words) == 0:
	case words[0] == "order":
		a.reverse, a.created = slices.Contains(words, "reverse"), ""
		if slices.Contains(words, "ours-last") {
			a.created = "2040-01-01T00:00:00Z"
		}
	case a.reverse:
	case words[0] == "gateway":
		p, revision := proxyOf(words[1])
		p.Gateway = true
		return gatewayOf(t, a.mesh(t, revision), p, words[2:]), true
	case words[0] == "rule":
		p, revision := proxyOf(words[1])
		return ruleOf(t, a.mesh(t, revision), p, words[2])
	case len(words) == 3 && words[0] != "hash" && words[0] != "lacks":
		port, err := strconv.ParseUint(words[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		p, revision := proxyOf(words[0])
		return hostOf(t, a.mesh(t, revision), p, uint32(port), words[2])
	}
	return nil, false
}

func proxyOf(text string) (oracle.Proxy, string) {
	who, revision, _ := strings.Cut(text, "@")
	namespace, pairs, _ := strings.Cut(who, ",")
	p := oracle.Proxy{Namespace: namespace, Labels: map[string]string{}}
	for pair := range strings.SplitSeq(pairs, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			p.Labels[key] = value
		}
	}
	return p, revision
}

func hostOf(t *testing.T, m *oracle.Mesh, p oracle.Proxy, port uint32, authority string) ([]string, bool) {
	t.Helper()
	hosts, err := m.Hosts(p, "", port)
	if err != nil {
		t.Logf("%s on port %d: %v", authority, port, err)
		return nil, false
	}
	rules, err := m.Rules(p)
	if err != nil {
		t.Fatal(err)
	}
	best := bestHost(hosts, authority)
	if best == nil {
		return []string{"nothing"}, true
	}
	var out []string
	for i, r := range best.Routes {
		if i == 0 {
			out = append(out, "Service")
			if r.VirtualService != "" {
				out[0] = "VirtualService " + r.VirtualService
			}
		}
		out = append(out, "-> "+destinations(r, rules))
	}
	return out, true
}

// gatewayOf returns the routes of a gateway on a listener for an authority.
func gatewayOf(t *testing.T, m *oracle.Mesh, p oracle.Proxy, at []string) []string {
	t.Helper()
	listeners, err := m.GatewayHosts(p)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := m.Rules(p)
	if err != nil {
		t.Fatal(err)
	}
	best := bestHost(listeners[at[0]], at[1])
	if best == nil || len(best.Routes) == 0 {
		return []string{"nothing"}
	}
	var out []string
	for _, r := range best.Routes {
		out = append(out, strings.TrimSpace("-> "+r.VirtualService+" "+destinations(r, rules)))
	}
	return out
}

func destinations(r oracle.RouteView, rules map[string]string) string {
	var to []string
	for _, c := range r.Clusters {
		to = append(to, shortCluster(c, rules))
	}
	for _, c := range r.Mirrors {
		to = append(to, "copy "+shortCluster(c, rules))
	}
	return strings.Join(to, " ")
}

// bestHost returns the virtual host of an authority; nil for none.
func bestHost(hosts []oracle.HostView, authority string) *oracle.HostView {
	var best *oracle.HostView
	length := -1
	for i := range hosts {
		for _, d := range hosts[i].Domains {
			d = strings.ToLower(d)
			switch suffix, wildcard := strings.CutPrefix(d, "*"); {
			case d == strings.ToLower(authority):
				best, length = &hosts[i], 1000
			case wildcard && len(d) > length && strings.HasSuffix(strings.ToLower(authority), suffix) && hosts[i].Name != "block_all" && hosts[i].Name != "allow_any":
				best, length = &hosts[i], len(d)
			}
		}
	}
	return best
}

func shortCluster(name string, rules map[string]string) string {
	out := strings.TrimPrefix(name, "outbound|")
	if _, found := rules[name]; !found {
		out += "!"
	}
	return out
}

func ruleOf(t *testing.T, m *oracle.Mesh, p oracle.Proxy, host string) ([]string, bool) {
	t.Helper()
	rules, err := m.Rules(p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	imported := false
	for name, rule := range rules {
		parts := strings.Split(name, "|")
		if len(parts) != 4 || parts[3] != host || parts[1] != "80" {
			continue
		}
		imported = true
		switch {
		case parts[2] != "":
			out = append(out, "subset "+parts[2])
		case rule == "":
			out = append(out, "none")
		default:
			out = append(out, fmt.Sprintf("DestinationRule %s", rule))
		}
	}
	slices.Sort(out)
	return out, imported
}
