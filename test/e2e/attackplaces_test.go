package e2e_test

import "fmt"

// attackPlaces are valid tokens in places that don't count, and together with carriers for more than
// they permit.
func attackPlaces(keys *attackKeys) []attack {
	good, cart := keys.good, keys.cart
	var out []attack
	for _, line := range []string{
		"X_Override_Token", "X-Override_Token", "X-Override-Tokens", "X-Override-Token-", "XX-Override-Token", "X-Token", "X-Override-Jwt", "X-Override-Grant", "X-Override", "Proxy-Authorization", "X-Override-Id", "X-Goog-Iap-Jwt-Assertion",
	} {
		out = append(out, attack{name: "place/" + line, lines: []string{line + ": " + good}})
	}
	for _, text := range []string{
		"xpreview=", "preview-2=", "previe=", "Preview=", "PREVIEW=", "a=preview=", "preview==", "preview =", `preview="`, "preview=a", "x-override-token=", "session2=", "$preview=", "preview%3D",
	} {
		out = append(out, attack{name: "place/Cookie " + text, lines: []string{"Cookie: " + text + good}})
	}
	out = append(
		out,
		attack{name: "place/Authorization", guard: "own header", lines: []string{"Authorization: Bearer " + good}},
		attack{name: "place/query access_token", guard: "own header", path: "/?access_token=" + good, ways: plainWays},
		attack{name: "place/query preview", path: "/?preview=" + good, ways: plainWays},
		attack{name: "place/path", path: "/x-override-token=" + good, ways: plainWays},
		attack{name: "place/Set-Cookie", lines: []string{"Set-Cookie: preview=" + good}},
		attack{name: "place/Cookie2", lines: []string{"Cookie2: preview=" + good}},
		attack{name: "place/link header", guard: "link header", lines: []string{"X-Override-Link: " + good, "X-Override-Link-Path: /"}},
		attack{name: "place/trailer", lines: []string{"te: trailers"}, tail: "x-override-token: " + good, ways: onlyHTTP2},
		// The holder of a token for cart gets no more with it.
		attack{name: "more/header", lines: []string{"X-Override-Token: " + cart, "X-Override: web:v2"}, in: with(inTokenModes("web:v1 cart:v2"), "Trust", toPreview)},
		attack{name: "more/header first", lines: []string{"X-Override: web:v2", "X-Override-Token: " + cart}, in: with(inTokenModes("web:v1 cart:v2"), "Trust", toPreview)},
		attack{name: "more/baggage", guard: "baggage", lines: []string{"X-Override-Token: " + cart, "Baggage: override.web=v2"}, in: with(inTokenModes("web:v1 cart:v2"), "Trust", toPreview)},
		attack{name: "more/forged cookie", lines: []string{"X-Override-Token: " + cart, "Cookie: preview=TOKEN"}, token: good[:len(good)-4], in: inTokenModes("web:v1 cart:v2")},
		attack{name: "more/forged second line", lines: []string{"X-Override-Token: " + cart, "X-Override-Token: TOKEN"}, token: good[:len(good)-4]},
		attack{name: "more/forged first line", lines: []string{"X-Override-Token: TOKEN", "X-Override-Token: " + cart}, token: good[:len(good)-4], in: inTokenModes("web:v1 cart:v2")},
		attack{name: "more/attacker's second line", guard: "signature", lines: []string{"X-Override-Token: " + cart, "X-Override-Token: TOKEN"}, token: keys.evilGood},
	)
	return out
}

// attackLinks are links, and headers with which somebody steers where they lead.
func attackLinks(keys *attackKeys) []attack {
	const to = "303 http://shop.example.com"
	good := keys.good
	var out []attack
	for i, c := range []struct{ path, want string }{
		{"/?x-override-token=" + good + "%0d%0aset-cookie:b", ""},
		{"/?x-override-token=" + good + ";b", ""},
		{"/?xx-override-token=" + good, ""},
		{"/?X-Override-Token=" + good, ""},
		{"/?x-override-token%3D" + good, ""},
		{"/?x%2Doverride-token=" + good, ""},
		{"/?a=1;x-override-token=" + good, ""},
		{"//evil.example.com/?x-override-token=TOKEN", to + "//evil.example.com/ then " + toPreview},
		{"/%2F%2Fevil.example.com/?x-override-token=TOKEN", to + "/%2F%2Fevil.example.com/ then " + toPreview},
	} {
		a := attack{name: fmt.Sprintf("link/path %d", i), path: c.path, ways: plainWays}
		if c.want != "" {
			a.token, a.in = good, inTokenModes(c.want)
		}
		out = append(out, a)
	}
	for _, c := range []struct{ name, guard, line string }{
		{"page", "link path", "X-Override-Link-Path: @evil.example.com/"},
		{"token", "", "X-Override-Link: web:v2"},
		{"scheme", "", "X-Forwarded-Proto: javascript"},
		{"host", "", "X-Forwarded-Host: evil.example.com"},
		{"page of others", "", "X-Envoy-Original-Path: //evil.example.com/"},
	} {
		out = append(out, attack{name: "link/steered by its " + c.name, guard: c.guard, lines: []string{c.line}, path: "/?x-override-token=TOKEN", token: good, ways: plainWays, in: inTokenModes(to + "/ then " + toPreview)})
	}
	return out
}

// attackSessions are requests for what a policy permits, by users without the claim.
func attackSessions() []attack {
	open := map[string]string{"Trust": toPreview, "Strip": toPreview, "Token": toPreview}
	hard := with(with(open, "Hard", "status 403"), "TokenHard", "status 403")
	ways := []string{"HTTP/1.1", "HTTP/2", "upgrade"}
	out := []attack{
		{name: "session/nobody", guard: "order", session: nobody, permitted: true, in: hard, ways: ways},
		{name: "session/guest", guard: "claim", session: "guest", permitted: true, in: hard, ways: ways},
		{name: "session/without groups", guard: "claim", session: "groupless", permitted: true, in: hard, ways: ways},
		{name: "session/of another issuer", guard: "claim's issuer", session: "foreign", permitted: true, in: hard, ways: ways},
	}
	// Preflights pass a hard guard, since browsers send them without a session.
	passing := with(with(open, "Hard", toPreview), "TokenHard", toPreview)
	out = append(out, attack{name: "session/preflight of nobody", session: nobody, permitted: true, in: passing, ways: []string{"preflight"}})
	forged := with(with(with(with(open, "Hard", "status 401"), "TokenHard", "status 401"), "Soft", "status 401"), "TokenSoft", "status 401")
	return append(out, attack{name: "session/forged", session: "forged", permitted: true, in: forged, ways: ways})
}
