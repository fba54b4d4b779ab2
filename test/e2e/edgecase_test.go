package e2e_test

import (
	"net/http"
	"slices"
	"strings"
)

// atEdge is a request to a gateway with an entry, and what the entry makes of it.
type atEdge struct {
	host string
	// any is set for a host that only the server for any host has.
	any bool
	// lines are headers, with their names as they are sent.
	lines http.Header
	// made is the override header that the entry makes.
	made string
	// fromCookie is set if it is made of a cookie.
	fromCookie bool
	// stripped is set if the baggage has an override.
	stripped bool
}

const (
	edgeShop    = "shop.example.com"
	edgePreview = ".preview.shop.example.com"
)

// atEdgeCases are requests with carriers, hosts and cookies of all kinds.
func atEdgeCases() []atEdge {
	out := slices.Concat(edgeCarriers(), edgeHosts(), edgeCookies())
	// Carriers, preview hosts and cookies at once.
	for _, line := range []string{"web:v2", "*:nothing", "cart:v2;strict"} {
		spoofed := http.Header{"X-Override": {line}, "Cookie": {"x-override=v2"}}
		out = append(out,
			atEdge{host: "v2" + edgePreview, lines: http.Header{"x-override": {line}}, made: "*:v2"},
			atEdge{host: edgeShop, lines: spoofed, made: "*:v2", fromCookie: true},
			atEdge{host: "nothing" + edgePreview, lines: http.Header{"Cookie": {"x-override=v2"}}, made: "*:nothing"},
			atEdge{host: "v2" + edgePreview, lines: http.Header{"baggage": {"a=b,override.web=v1"}, "Cookie": {"x-override=web:v1"}}, made: "*:v2", stripped: true},
		)
	}
	return out
}

// edgeCarriers are requests that bring carriers of their own.
func edgeCarriers() []atEdge {
	var out []atEdge
	for _, name := range []string{"x-override", "X-Override", "X-OVERRIDE", "x-OvErRiDe"} {
		for _, values := range [][]string{{"web:v2"}, {"web:v1", "cart:v2"}, {"*:v2", ""}, {"\xff, web:v2"}, {"web:v2;;, =", ",,"}, {"  web:v2\t"}} {
			out = append(out, atEdge{host: edgeShop, lines: http.Header{name: values}})
		}
	}
	out = append(out, atEdge{host: edgeShop, lines: http.Header{"X-Override": {"web:v2"}, "x-override": {"web:v2"}, "X-OVERRIDE": {"web:v2"}}})
	for _, values := range [][]string{
		{"override.web=v2"},
		{"a=b", "override=v2"},
		{"a=b, \toverride \t= v2"},
		{"override.web=v2", "c=d"},
		{"a=b;p,override.*.x=v2;ttl=1"},
		{"a=\xff,override.web=v2"},
		{"\xc3\x28, override=v2"},
		{"override."},
		{"a=é,override.web=v2"},
		{strings.Repeat("k=v,", 500) + "override.web=v2"},
	} {
		out = append(out, atEdge{host: edgeShop, lines: http.Header{"Baggage": values}, stripped: true})
	}
	for _, values := range [][]string{
		{"userId=alice"},
		{"overrides=v2, xoverride.web=v2"},
		{"Override.web=v2"},
		{"a=override.web=v2"},
		{"a=b;override.web=v2", "c=d"},
		{"a=\xff"},
		{""},
		{"a=b", "override-x=1"},
	} {
		out = append(out, atEdge{host: edgeShop, lines: http.Header{"baggage": values}})
	}
	return out
}

// edgeHosts are requests for preview hosts, and for others like them.
func edgeHosts() []atEdge {
	out := []atEdge{{host: edgeShop}, {host: edgeShop + ":80"}, {host: "SHOP.example.com"}}
	for name, made := range map[string]string{
		"v2" + edgePreview: "*:v2", "v2" + edgePreview + ":80": "*:v2", "V2" + edgePreview: "*:V2", "pr-118" + edgePreview: "*:pr-118",
		"a.b_c-d" + edgePreview: "*:a.b_c-d", "v2.PREVIEW.shop.example.com": "", "v2.Preview.Shop.Example.Com": "", "v2-" + edgePreview: "", "-v2" + edgePreview: "",
		".v2" + edgePreview: "", "v2." + edgePreview: "",
		// These reach the server for any host.
		"v2" + edgePreview + ".example.org": "", "v2.previewxshop.example.com": "", "v2" + edgePreview + "x": "", "preview.shop.example.com": "", edgePreview: "",
	} {
		out = append(out, atEdge{host: name, any: made == "", made: made})
	}
	return out
}

// edgeCookies are requests with cookies.
func edgeCookies() []atEdge {
	var out []atEdge
	for _, c := range []struct {
		made  string
		lines []string
	}{
		{"*:v2", []string{"x-override=v2"}},
		{"*:v2", []string{"x-override=*:v2"}},
		{"*:v2", []string{"x-override=*%3Av2"}},
		{"*:v2", []string{"x-override=%2A%3av2"}},
		{"*:v2", []string{"a=b; x-override=v2; c=d"}},
		{"*:v2", []string{"a=b;x-override=v2;c=d"}},
		{"*:v2", []string{"a=b", "x-override=v2"}},
		{"*:v2", []string{"x-override=v2", "a=b"}},
		{"*:v2", []string{"x-override=v2", "x-override=web:v1"}},
		{"*:v2", []string{"xx-override=v1; x-override=v2; x-overridex=v1; ax-override=v1"}},
		{"*:v2", []string{strings.Repeat("k=0123456789; ", 60) + "x-override=v2"}},
		{"*:a.b_c-D", []string{"x-override=a.b_c-D"}},
		{"web:v2", []string{"x-override=web:v2"}},
		{"web:v2", []string{"x-override=web%3Av2"}},
		{"web:v2,cart:v2", []string{"a=b; x-override=web:v2~cart:v2"}},
		{"web:v2,cart:v1", []string{"x-override=web%3Av2~cart%3av1"}},
		{"web:v2", []string{"x-override=web:v2~v2"}},
		{",cart:v2", []string{"x-override=Web:v2~cart:v2"}},
		{"a:1,cart:v2,c:3", []string{"x-override=a:1~cart:v2~c:3~d:4"}},
		{"web:v2,cart.edge-entry:v2,*:nothing", []string{"x-override=web:v2~cart.edge-entry:v2~*:nothing"}},
		{"*.edge-entry:v2", []string{"x-override=*.edge-entry:v2"}},
		{"", []string{"x-override="}},
		{"", []string{"x-override"}},
		{"", []string{"X-Override=v2"}},
		{"", []string{"xx-override=v2"}},
		{"", []string{"x_override=v2; x-overridee=v2; x.override=v2"}},
		{"", []string{"a=x-override=v2"}},
		{"", []string{"x-override=v2 v1"}},
		{"", []string{"x-override=\"v2\""}},
		{"", []string{"x-override=-v2"}},
		{"", []string{"x-override=v2~"}},
		{"", []string{"x-override=web:"}},
		{"", []string{"x-override=WEB:v2"}},
		{"", []string{"x-override=web:v2%0d%0aevil:1"}},
		{"", []string{"x-override=v2\xff"}},
		{"", []string{"x-override=web:v2%7Ecart:v2"}},
		{"web:v2", []string{"x-override=web:v2;strict", "a=b"}}, // ";" ends the value
	} {
		out = append(out, atEdge{host: edgeShop, lines: http.Header{"Cookie": c.lines}, made: c.made, fromCookie: true})
	}
	return out
}
