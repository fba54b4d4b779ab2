package main

// preview shows a preview beside the released pods, behind one Service, with the targets
// of an ordinary request and of one with an override.
func preview() *canvas {
	c := newCanvas("A request with an override reaches the preview of one service; every other request stays on the released versions", 300)
	c.text("bold", "start", 20, 28, "ordinary request")
	c.text("mono", "start", 20, 46, "GET /")
	c.text("bold", "start", 20, 242, "request with an override")
	c.text("mono", "start", 20, 260, "GET /")
	c.text("mono", "start", 20, 276, "x-override: reviews:pr-118")

	c.box("group", rect{280, 20, 150, 260})
	c.text("bold", "middle", 355, 42, "Service web")
	c.box("released", rect{300, 120, 110, 60}, "v7", "released")

	c.box("group", rect{480, 20, 170, 260})
	c.text("bold", "middle", 565, 42, "Service reviews")
	c.box("released", rect{500, 62, 130, 60}, "v1", "released")
	c.box("preview", rect{500, 200, 130, 60}, "pr-118", "preview")

	c.box("group", rect{700, 20, 160, 260})
	c.text("bold", "middle", 780, 42, "Service ratings")
	c.box("released", rect{720, 120, 120, 60}, "v3", "released")

	c.arrow("released", 120, 42, 240, 42, 240, 138, 298, 138)
	c.arrow("released", 411, 138, 455, 138, 455, 92, 498, 92)
	c.arrow("released", 631, 92, 675, 92, 675, 138, 718, 138)
	c.arrow("preview", 210, 271, 240, 271, 240, 162, 298, 162)
	c.arrow("preview", 411, 162, 455, 162, 455, 230, 498, 230)
	c.arrow("preview", 631, 230, 675, 230, 675, 162, 718, 162)
	return c
}

// rows shows how a request passes the rows of a table.
func rows() *canvas {
	c := newCanvas("The rows of a table, in order: the first that matches takes the request", 412)
	c.box("box", rect{20, 20, 170, 50}, "request to reviews", "at the caller's sidecar")
	c.arrow("", 105, 70, 105, 98)
	asked := func(y int, question, detail string) { c.box("warn", rect{20, y, 330, 44}, question, detail) }
	taken := func(y int, kind string, answer, detail string) {
		c.text("small", "middle", 385, y+16, "yes")
		c.arrow(kind, 350, y+22, 438, y+22)
		class := "box"
		if kind != "" {
			class = kind
		}
		c.box(class, rect{440, y, 420, 44}, answer, detail)
	}
	next := func(y int) {
		c.arrow("", 105, y+44, 105, y+62)
		c.text("small", "start", 114, y+57, "no")
	}
	asked(100, "1. no override at all?", "neither x-override nor an override in baggage")
	taken(100, "released", "ordinary row: the released pods", "your own routes, timeouts and retries, unchanged")
	next(100)
	asked(162, "2. asks for a version of reviews that is there?", "one row for each version, and each condition")
	taken(162, "preview", "override row: the pods of this version", "a subset, or the Service of an isolated version")
	next(162)
	asked(224, "3. strict, for a version that is not there?", "reviews:v9;strict")
	taken(224, "", "unavailable row: 503", "instead of the released version")
	next(224)
	asked(286, "4. a set with a version that reviews has?", "*:v2, for every service with that version")
	taken(286, "preview", "override row of the set, or its unavailable row", "the pods of this version; 503 if strict and they can't serve")
	next(286)
	asked(348, "5. everything else", "overrides of other services, versions that are gone")
	c.arrow("released", 350, 370, 438, 370)
	c.box("released", rect{440, 348, 420, 44}, "released row: the released pods", "as the ordinary row")
	return c
}

// timeline shows the order in which objects are written for a version, from its
// deployment to its deletion.
func timeline() *canvas {
	c := newCanvas("Make before break: a route is written when proxies have what it leads to, and what it led to goes last", 250)
	const left, right = 170, 860
	lanes := []string{"preview's pods", "DestinationRule", "VirtualService", "override requests", "ordinary requests"}
	for i, name := range lanes {
		c.text("", "end", left-14, 45+40*i, name)
	}
	c.line("axis", left, 226, right, 226)
	for _, at := range []struct {
		x    int
		text string
	}{{240, "subset written"}, {380, "proxies have it: route written"}, {655, "route goes"}, {810, "subset goes"}} {
		c.line("grid", at.x, 20, at.x, 226)
		c.text("small", "middle", at.x, 242, at.text)
	}
	span := func(lane int, class string, from, to int, text string) {
		c.box(class, rect{from, 26 + 40*lane, to - from, 28}, text)
	}
	span(0, "preview", 200, 690, "created … ready … serving … deleted")
	span(1, "box", 240, 810, "subset of the version, subset of the pin")
	span(2, "box", 380, 660, "ordinary row pinned, override row")
	span(3, "released", left, 400, "released version")
	span(3, "preview", 410, 650, "the version asked for")
	span(3, "released", 660, right, "released version")
	span(4, "released", left, right, "released version, all the time")
	return c
}
