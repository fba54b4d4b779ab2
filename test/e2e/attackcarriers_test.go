package e2e_test

import (
	"fmt"
	"strings"
)

// attackNames are override headers that a client sends: in all spellings, once and repeated.
func attackNames() []attack {
	var out []attack
	for _, name := range []string{"x-override", "X-Override", "X-OVERRIDE", "x-OvErRiDe"} {
		out = append(out, attack{name: "header/" + name, guard: "header", lines: []string{name + ": web:v2"}, in: trusted(toPreview)})
	}
	for name, c := range map[string]struct {
		lines []string
		trust string
	}{
		"twice":                  {[]string{"X-Override: nothing:v1", "X-Override: web:v2"}, toPreview},
		"in two spellings":       {[]string{"x-override: nothing:v1", "X-OVERRIDE: web:v2"}, toPreview},
		"fifty lines":            {strings.Split(strings.Repeat("X-Override: nothing:v1\n", 49)+"X-Override: web:v2", "\n"), toPreview},
		"an empty line first":    {[]string{"X-Override: ", "X-Override: web:v2"}, toPreview},
		"members":                {[]string{"X-Override: nothing:v1, web:v2 ,x"}, toPreview},
		"a set":                  {[]string{"X-Override: *:v2"}, "web:v2 cart:v2"},
		"a set of the namespace": {[]string{"X-Override: *.edge-attack:v2"}, "web:v2 cart:v2"},
		"strict":                 {[]string{"X-Override: web:v2;strict"}, toPreview},
		"strict for nothing":     {[]string{"X-Override: web:v9;strict"}, "status 503"},
		"without a space":        {[]string{"X-Override:web:v2"}, toPreview},
		"tabs around it":         {[]string{"X-Override: \t web:v2\t \t"}, toPreview},
		"white space inside":     {[]string{"X-Override: nothing:v1\t, \tweb:v2\t;\tstrict"}, toPreview},
		"the second hop":         {[]string{"X-Override: cart:v2"}, "web:v1 cart:v2"},
		"long":                   {[]string{"X-Override: " + strings.Repeat("nothing:v1,", 1000) + "web:v2"}, toPreview},
		"and Connection":         {[]string{"Connection: X-Override", "X-Override: web:v2"}, toReleased}, // Envoy removes what the line names
		"and its own token":      {[]string{"X-Override: web:v2", "X-Override-Token: eyJ.eyJ.eyJ"}, toPreview},
	} {
		a := attack{name: "header/" + name, guard: "header", lines: c.lines, in: trusted(c.trust)}
		if name == "and Connection" {
			a.ways, a.guard = onlyHTTP1, "" // in HTTP/2 the line is malformed
		}
		if name == "the second hop" {
			a.guard = "" // the filter of tokens removes the header too, after the gateway has chosen
		}
		if name == "without a space" {
			a.ways = []string{"HTTP/1.1", "upgrade", "preflight"}
		}
		out = append(out, a)
	}
	// No proxy takes these names for the carrier.
	for _, name := range []string{
		"X_Override", "x_override", "X-Override_", "X-Override-", "X--Override", "X.Override", "XX-Override", "X-Overrides", "X-0verride", "Override", "HTTP_X_OVERRIDE", "X-Override-Id", "X-Override-Error",
		"X-HTTP-X-Override", "X-Original-X-Override", "Y-Override", "X-Override!", "X-Override|", "~X-Override", "X-Override%2D", "X%2DOverride",
	} {
		out = append(out, attack{name: "name/" + name, lines: []string{name + ": web:v2"}})
	}
	return out
}

// attackBaggage are overrides in W3C Baggage.
func attackBaggage(onlyUTF8 bool) []attack {
	var out []attack
	followed := map[string][]string{
		"plain":              {"baggage: override.web=v2"},
		"in capitals":        {"BAGGAGE: override.web=v2"},
		"of the namespace":   {"Baggage: override.web.edge-attack=v2"},
		"behind others":      {"Baggage: userId=alice;p=1,override.web=v2"},
		"before others":      {"Baggage: override.web=v2,userId=alice"},
		"on the second line": {"Baggage: userId=alice", "Baggage: override.web=v2"},
		"in two spellings":   {"baggage: userId=alice", "BAGGAGE: override.web=v2"},
		"with a property":    {"Baggage: override.web=v2;ttl=1"},
		"white space":        {"Baggage: a=b ,\t override.web \t= \tv2\t;p"},
		"180 members":        {"Baggage: " + strings.Repeat("k=v,", 180) + "override.web=v2"},
		"8 KiB":              {"Baggage: " + strings.Repeat("key=0123456789,", 560) + "override.web=v2"},
		"twice":              {"Baggage: override.web=v9,override.web=v2"},
		"an override beside": {"Baggage: override.nothing=v1,override.web=v2", "X-Override: nothing:v1"},
	}
	for name, lines := range followed {
		out = append(out, attack{name: "baggage/" + name, guard: "baggage", lines: lines, in: trusted(toPreview)})
	}
	for name, line := range map[string]string{"a set": "override=v2", "a set of the namespace": "override.*.edge-attack=v2"} {
		out = append(out, attack{name: "baggage/" + name, guard: "baggage", lines: []string{"Baggage: " + line}, in: trusted("web:v2 cart:v2")})
	}
	bytes := attack{name: "baggage/bytes that are no text", guard: "baggage", lines: []string{"Baggage: a=\xff,override.web=v2"}, in: trusted(toPreview)}
	if onlyUTF8 {
		bytes.in, bytes.guard = nil, ""
	}
	out = append(out, bytes)
	for _, text := range []string{
		"override%2Eweb=v2", "%6fverride.web=v2", "override.web=%762", "override.web=v%32", "override.web%3Dv2", "override.web=%22v2%22", `override.web="v2"`, "Override.web=v2", "OVERRIDE=v2", "overrides.web=v2",
		"xoverride.web=v2", "a=override.web=v2", "a=b;override.web=v2", "a=b%2Coverride.web=v2", "override.web:v2", "override.web", "override.web=v2x", "override.web.other=v2", "override.*=v2", "web:v2", "*:v2",
	} {
		out = append(out, attack{name: "baggage/no override " + text, lines: []string{"Baggage: " + text}})
	}
	return out
}

// attackOtherHeaders are headers from which tracers, sidecars and frameworks may take something, and
// none is a carrier.
func attackOtherHeaders() []attack {
	var out []attack
	for _, line := range []string{
		"Correlation-Context: override.web=v2", "Ot-Baggage-Override.web: v2", "Uberctx-Override.web: v2", "Baggage-Override.web: v2", "Tracestate: overrides=web:v2", "Tracestate: override.web=v2",
		"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01;web:v2", "X-Request-Id: 4bf92f35-77b3-4da6-a3ce-929d0e0e4736~web:v2", "X-B3-TraceId: web:v2", "B3: 0-web:v2",
		"X-Forwarded-Host: v2.preview.shop.example.com", "Forwarded: host=v2.preview.shop.example.com", "X-Original-Host: v2.preview.shop.example.com", "X-Host: v2.preview.shop.example.com", "X-Preview-Host: v2.preview.shop.example.com",
		"X-Original-URL: /?x-override=v2", "X-Rewrite-URL: /?x-override=v2", "X-Envoy-Original-Path: /?x-override=v2", "X-Envoy-Decorator-Operation: web:v2", "X-Envoy-Original-Dst-Host: 127.0.0.1:15000", "X-Envoy-Internal: true",
		"X-HTTP-Method-Override: web:v2", "X-Istio-Attributes: web:v2", "X-Envoy-Peer-Metadata: web:v2", "X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/edge-attack/sa/default", "X-Override-Link: clear", "Cookie: baggage=override.web=v2",
		"Cookie: x-override-token=web:v2", "Cookie: preview=web:v2", "Cookie: X-Override=web:v2", "Cookie: xx-override=web:v2", "Cookie: a=x-override=web:v2", "Set-Cookie: x-override=web:v2",
	} {
		out = append(out, attack{name: "other/" + line, lines: []string{line}})
	}
	names := map[string]string{"Strip": toPreview, "Hard": toPreview, "Soft": toPreview} // permitted there
	out = append(out, attack{name: "other/Cookie of names", lines: []string{"Cookie: x-override=web:v2"}, in: names})
	for i, path := range []string{
		"/?X-Override=web:v2", "/?xx-override=v2", "/?a=x-override=v2", "/x-override=v2", "/?x-override%3Dv2", "/?x%2Doverride=v2", "/#?x-override=v2", "/?baggage=override.web=v2", "/;x-override=v2", "/?x-override=v2%0d%0ax-override:web:v2",
	} {
		out = append(out, attack{name: fmt.Sprintf("query/%d %s", i, path), path: path, ways: plainWays})
	}
	return out
}
