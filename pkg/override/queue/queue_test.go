package queue_test

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/internal/grammar"
	"github.com/overrides-mesh/overrides/pkg/override/queue"
)

func service() queue.Service {
	return queue.Service{Name: "service-3", Namespace: "demo", Released: "v1", Versions: []string{"v2", "pr-118"}}
}

func message(header, baggage string) override.Carriers {
	attributes := map[string]string{}
	if header != "" {
		attributes["x-override"] = header
	}
	if baggage != "" {
		attributes["baggage"] = baggage
	}
	return override.ExtractMap(attributes)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ header, baggage, want string }{
		{"", "", "v1"},
		{"service-3:v2", "", "v2"},
		{"service-3.demo:v2;strict", "", "v2"},
		{"service-3.shop:v2", "", "v1"},
		{"service-5:v2", "user=alice", "v1"},
		{"", "override.service-3=v2", "v2"},
		{"*:pr-118", "", "pr-118"},
		{"", "override=pr-118", "pr-118"},
		{"*.shop:pr-118", "", "v1"},
		// A member that names the service wins over a set, the released version's too.
		{"*:pr-118, service-3:v2", "", "v2"},
		{"*:pr-118, service-3:v1", "", "v1"},
		{"service-3:v9, *:pr-118", "", "pr-118"},
		// Unknown and absent versions fall to the released one.
		{"service-3:v9", "", "v1"},
		{"service-3:V2x!", "", "v1"},
		{"*:v9;strict", "", "v1"},
		{"\xff,service-3:v2", "", "v1"},
		// Strict ones do not.
		{"service-3:v9;strict", "", "refused"},
		{"service-3:v9;strict, *:pr-118", "", "refused"},
		{"service-3:v1;strict", "", "v1"},
		{"", "override.service-3=v9;strict", "v1"},
		{"*:v2;from=a;strict", "", "refused"},
		// A queue has no caller and no method.
		{"service-3:v2;from=service-2", "", "v1"},
		{"service-3:v2;method=POST", "", "v1"},
		{"service-3:v2;from=service-2;strict", "", "refused"},
		// Contradictions: the first by name, as in the order of routes.
		{"service-3:v2", "override.service-3=pr-118", "pr-118"},
	} {
		c := message(test.header, test.baggage)
		got, err := service().Version(c)
		if errors.Is(err, queue.ErrUnavailable) {
			got = "refused"
		}
		if got != test.want {
			t.Errorf("%q, %q: %s, want %s", test.header, test.baggage, got, test.want)
		}
		onlyOne(t, service(), c, test.want)
	}
}

// onlyOne asks the consumers of all versions: exactly one of them deals with the message.
func onlyOne(t *testing.T, s queue.Service, c override.Carriers, want string) {
	t.Helper()
	for _, version := range []string{"v1", "v2", "pr-118"} {
		expected := queue.Skip
		switch {
		case version == want:
			expected = queue.Take
		case want == "refused" && version == s.Released:
			expected = queue.Refuse
		}
		if got := s.Consumer(version, c); got != expected {
			t.Errorf("%v: consumer of %s: %v, want %v", c.Requested(), version, got, expected)
		}
	}
}

// TestRoutes compares the decision with the patterns that proxies match, in the order of
// the mesh's rows, on generated messages and on the corpus of the grammar's fuzz tests.
func TestRoutes(t *testing.T) {
	t.Parallel()
	p := newProxy(service())
	counts := map[string]int{}
	check := func(header, baggage string) {
		want := p.route(header, baggage)
		counts[want]++
		onlyOne(t, service(), message(header, baggage), want)
	}
	random := rand.New(rand.NewSource(1))
	for range 20_000 {
		check(line(random, false), line(random, true))
	}
	for _, want := range []string{"v1", "v2", "pr-118", "refused"} {
		if counts[want] < 500 {
			t.Errorf("only %d messages for %s", counts[want], want)
		}
	}
	for _, text := range corpus(t) {
		for _, l := range strings.Split(text, "\n") {
			if !strings.ContainsAny(l, "\r\x00\n") && override.ExtractMap(map[string]string{"x-override": l}).Override() != nil {
				check(l, "")
				check("", l)
			}
		}
	}
}

// proxy has a service's rows, as RE2 against whole values.
type proxy struct {
	rows     []row
	released string
}

type row struct {
	version         string
	header, baggage *regexp.Regexp
}

func newProxy(s queue.Service) proxy {
	named := grammar.Service{Name: s.Name, Namespace: s.Namespace}
	whole := func(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }
	p := proxy{released: s.Released}
	versions := append([]string{s.Released}, s.Versions...)
	slices.Sort(versions)
	for _, v := range versions {
		p.rows = append(p.rows, row{v, whole(named.Pattern(v, grammar.Condition{})), whole(named.BaggagePattern(v))})
	}
	p.rows = append(p.rows, row{version: "refused", header: whole(named.StrictPattern(grammar.Judged{}, grammar.Condition{}))})
	for _, v := range versions {
		p.rows = append(p.rows, row{v, whole(named.SetPattern(v)), whole(named.BaggageSetPattern(v))})
	}
	for _, pattern := range named.StrictSetPatterns(versions) {
		p.rows = append(p.rows, row{version: "refused", header: whole(pattern)})
	}
	return p
}

func (p proxy) route(header, baggage string) string {
	for _, r := range p.rows {
		if matches(r.header, header) || r.baggage != nil && matches(r.baggage, baggage) {
			return r.version
		}
	}
	return p.released
}

// matches is the rule of Envoy up to 1.38, whose RE2 reads UTF-8: nothing matches an
// invalid byte. Go's regular expressions would.
func matches(re *regexp.Regexp, value string) bool {
	return value != "" && strings.ToValidUTF8(value, "") == value && re.MatchString(value)
}

// line draws the value of a carrier, whose members are often for the service.
func line(r *rand.Rand, baggage bool) string {
	if r.Intn(3) == 0 {
		return ""
	}
	pick := func(from ...string) string { return from[r.Intn(len(from))] }
	var members []string
	for range 1 + r.Intn(3) {
		space := pick("", "", "", " ", "\t", "\xff")
		version := pick("v1", "v2", "pr-118", "v9", "v2.1", "V2", "")
		if baggage {
			key := pick("override.service-3", "override.service-3.demo", "override.service-3.shop", "override", "override.*.demo", "override.*", "overrides", "user")
			members = append(members, space+key+pick("=", " = ", ":")+version+pick("", "", ";p=1", ";strict"))
			continue
		}
		name := pick("service-3", "service-3.demo", "service-3.shop", "service-33", "*", "*.demo", "*.shop", "service-5")
		parameter := pick("", "", "", ";strict", " ; strict", ";from=a", ";method=GET;strict", ";x", ";", ";strict=1")
		members = append(members, space+name+pick(":", ":", ":", "=")+version+parameter)
	}
	return strings.Join(members, pick(",", ", ", ",,"))
}

// corpus returns the texts of the grammar's corpus, if the repository is around.
func corpus(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../internal/grammar/testdata/fuzz/*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Log("the corpus of internal/grammar is not here: this is the module alone")
	}
	var out []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^string\((.*)\)$`).FindAllStringSubmatch(string(content), -1) {
			text, err := strconv.Unquote(match[1])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text)
		}
	}
	return out
}
