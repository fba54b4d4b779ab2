package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// attack is a request by somebody who wants a version that nobody has permitted, and what it
// gets. What it gets is written by hand: no code of Overrides is asked.
type attack struct {
	name string
	// guard is the part of a policy that holds it off, if [takenOut] takes that part out.
	guard string
	// lines are header lines, as HTTP/1.1 has them, and path is the page, "/" if it is empty. In both,
	// TOKEN stands for token, and in the legitimate twin for a valid one.
	lines []string
	path  string
	token string
	// tail is sent after the header: in HTTP/1.1 bytes, in HTTP/2 trailers.
	tail string
	// ways are the names of the wires; nil for all.
	ways []string
	// session is whose it is, where the policy asks for a claim: that of a tester if it is empty.
	// permitted adds what the policy permits a tester to ask with.
	session   string
	permitted bool
	// want is what it gets, in is what it gets in some modes; released if both are empty.
	want string
	in   map[string]string
}

const (
	toReleased = "web:v1 cart:v1"
	toPreview  = "web:v2 cart:v1"
	nobody     = "nobody"
)

var (
	onlyHTTP1 = []string{"HTTP/1.1"}
	onlyHTTP2 = []string{"HTTP/2"}
	// plainWays are for what only a GET does.
	plainWays = []string{"HTTP/1.1", "HTTP/2"}
)

// inTokenModes returns what a request gets in all modes that accept tokens.
func inTokenModes(want string) map[string]string {
	return map[string]string{"Token": want, "TokenHard": want, "TokenSoft": want}
}

// with returns what a request gets in modes, some of them replaced.
func with(in map[string]string, mode, want string) map[string]string {
	out := maps.Clone(in)
	if out == nil {
		out = map[string]string{}
	}
	out[mode] = want
	return out
}

// trusted returns what a request gets at a gateway that removes nothing.
func trusted(want string) map[string]string { return map[string]string{"Trust": want} }

// attackMode is a policy of a gateway, and what it permits.
type attackMode struct {
	name string
	// spec are the fields of the policy.
	spec string
	// permit are the lines with which a permitted user asks for the preview.
	permit []string
	// tokens is set if the gateway accepts tokens, asks if it asks for a claim as well, and open if it
	// follows everybody, as a control: attacks without a token have an effect there.
	tokens, asks, open bool
	// soft is set if it takes overrides away from users without the claim.
	soft bool
	// refused is what a user without the claim gets instead of the preview.
	refused string
}

// attackModes are the policies, in the order in which they are in force. A new mode is one more
// entry, and its differences in the rows.
func attackModes(keys, good string) []attackMode {
	const (
		names = "cookie: x-override\n  link: true"
		hard  = "require: {issuer: idp.test, claim: groups, values: [staff, testers]}"
		soft  = "require: {issuer: idp.test, claim: groups, values: [staff, testers], mode: Soft}"
	)
	token := fmt.Sprintf("header: Token\n  token: {jwks: '%s', cookie: preview, link: true}", keys)
	cookie, header := []string{"Cookie: x-override=web:v2"}, []string{"X-Override-Token: " + good}
	return []attackMode{
		{name: "Trust", spec: "header: Trust", permit: []string{"X-Override: web:v2"}, open: true, refused: toPreview},
		{name: "Strip", spec: "header: Strip\n  " + names, permit: cookie, refused: toPreview},
		{name: "Hard", spec: "header: Strip\n  " + names + "\n  " + hard, permit: cookie, asks: true, refused: "status 403"},
		{name: "Soft", spec: "header: Strip\n  " + names + "\n  " + soft, permit: cookie, asks: true, soft: true, refused: toReleased},
		{name: "Token", spec: token, permit: header, tokens: true, refused: toPreview},
		{name: "TokenHard", spec: token + "\n  " + hard, permit: header, tokens: true, asks: true, refused: "status 403"},
		{name: "TokenSoft", spec: token + "\n  " + soft, permit: header, tokens: true, asks: true, soft: true, refused: toReleased},
	}
}

// expected is what an attack gets in a mode. With a soft guard, the released version answers all
// preflights.
func (a *attack) expected(m *attackMode, w *wire) string {
	if m.soft && w.method == http.MethodOptions && !strings.HasPrefix(a.want, "status ") {
		return toReleased
	}
	if want, has := a.in[m.name]; has {
		return want
	}
	if a.want != "" {
		return a.want
	}
	return toReleased
}

// goes reports whether an attack is sent in a way.
func (a *attack) goes(w *wire) bool { return a.ways == nil || slices.Contains(a.ways, w.name) }

// visitors are cookies with the sessions of users.
type visitors map[string]string

// request returns the request of an attack.
func (a *attack) request(m *attackMode, w *wire, users visitors) *written {
	lines := slices.Clone(a.lines)
	if a.permitted {
		lines = append(lines, m.permit...)
	}
	out := a.written(w, lines, a.token)
	if m.asks && a.session != nobody {
		user := a.session
		if user == "" {
			user = "tester"
		}
		out.lines = append(out.lines, "cookie: session="+users[user])
	}
	return out
}

// twin returns the same request by somebody who is permitted to ask for the preview: with a
// valid token in the same place, or else with what the mode permits.
func (a *attack) twin(m *attackMode, w *wire, users visitors, good string) *written {
	var out *written
	if a.token != "" && m.tokens && a.twinLines() {
		out = a.written(w, a.lines, good)
		out.tail = ""
	} else {
		out = (&attack{lines: m.permit}).written(w, m.permit, "")
	}
	if m.asks {
		out.lines = append(out.lines, "cookie: session="+users["tester"])
	}
	return out
}

// twinLines reports whether a valid token in the place of the token makes the request a
// legitimate one.
func (a *attack) twinLines() bool {
	const cookie, header = "Cookie: preview=TOKEN", "X-Override-Token: TOKEN"
	return len(a.lines) == 1 && (a.lines[0] == cookie || a.lines[0] == header)
}

func (a *attack) written(w *wire, lines []string, token string) *written {
	out := &written{method: w.method, path: strings.ReplaceAll(a.path, "TOKEN", token), tail: a.tail, verbatim: w.http2 && len(a.ways) == 1}
	if out.path == "" {
		out.path = "/"
	}
	out.lines = slices.Clone(w.lines)
	for _, line := range lines {
		out.lines = append(out.lines, strings.ReplaceAll(line, "TOKEN", token))
	}
	return out
}

// attacks are all rows of the table.
func attacks(t *testing.T, keys *attackKeys, onlyUTF8 bool) []attack {
	t.Helper()
	out := slices.Concat(
		attackNames(), attackBaggage(onlyUTF8), attackWires(), attackOtherHeaders(), attackPlaces(keys),
		keys.forged(t), keys.claims(t), keys.accepted(t), attackLinks(keys), attackSessions(),
	)
	seen := map[string]bool{}
	for i := range out {
		if seen[out[i].name] {
			t.Fatalf("two attacks are called %q", out[i].name)
		}
		seen[out[i].name] = true
	}
	return out
}
