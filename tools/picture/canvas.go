package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// canvas is an SVG under construction. Coordinates and sizes are in pixels, from the
// upper left.
type canvas struct {
	height int
	title  string
	body   strings.Builder
}

// width is the width of all pictures, as wide as a page of documentation.
const width = 880

// rect is an area on a canvas: its upper left corner, and its size.
type rect struct{ x, y, w, h int }

// The average widths of a character: of body text of 13 px, and of small text of 11 px,
// in a sans-serif font. Fonts differ, so they are generous.
const charWidth, smallWidth = 7, 6

// The style of all pictures. Colours follow the reader's setting, since a page shows an
// image without the page's own styles.
const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
  .bold { font-weight: 600; }
  .box { fill: #f6f8fa; stroke: #818b98; }
  .group { fill: none; stroke: #818b98; stroke-dasharray: 5 4; }
  .released { fill: #dafbe1; stroke: #1a7f37; }
  .preview { fill: #ddf4ff; stroke: #0969da; }
  .warn { fill: #fff8c5; stroke: #9a6700; }
  .line { stroke: #59636e; fill: none; stroke-width: 1.5; }
  .axis { stroke: #818b98; fill: none; }
  .grid { stroke: #d1d9e0; fill: none; }
  .to-released { stroke: #1a7f37; fill: none; stroke-width: 2; }
  .to-preview { stroke: #0969da; fill: none; stroke-width: 2; }
  .head { fill: #59636e; } .head-released { fill: #1a7f37; } .head-preview { fill: #0969da; }
  .s0 { stroke: #0969da; fill: none; stroke-width: 2; } .f0 { fill: #0969da; }
  .s1 { stroke: #1a7f37; fill: none; stroke-width: 2; } .f1 { fill: #1a7f37; }
  .s2 { stroke: #9a6700; fill: none; stroke-width: 2; } .f2 { fill: #9a6700; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; }
    .box { fill: #151b23; stroke: #656c76; } .group { stroke: #656c76; }
    .released { fill: #12261e; stroke: #3fb950; } .preview { fill: #121d2f; stroke: #4493f8; }
    .warn { fill: #272115; stroke: #d29922; } .line { stroke: #9198a1; } .axis { stroke: #656c76; } .grid { stroke: #3d444d; }
    .to-released { stroke: #3fb950; } .to-preview { stroke: #4493f8; }
    .head { fill: #9198a1; } .head-released { fill: #3fb950; } .head-preview { fill: #4493f8; }
    .s0 { stroke: #4493f8; } .f0 { fill: #4493f8; } .s1 { stroke: #3fb950; } .f1 { fill: #3fb950; } .s2 { stroke: #d29922; } .f2 { fill: #d29922; }
  }`

func newCanvas(title string, height int) *canvas { return &canvas{title: title, height: height} }

// String returns the whole image.
func (c *canvas) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		width, c.height, width, c.height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s\n</style>\n<defs>\n", escape(c.title), style)
	for _, kind := range []string{"", "-released", "-preview"} {
		fmt.Fprintf(&b, `<marker id="head%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">`+
			`<path class="head%s" d="M0,0 L8,4 L0,8 z"/></marker>`+"\n", kind, kind)
	}
	b.WriteString("</defs>\n" + c.body.String() + "</svg>\n")
	return b.String()
}

// box draws a rectangle with centred lines of text. It panics if the text does not fit:
// pictures have an author, and no input.
func (c *canvas) box(class string, at rect, lines ...string) {
	fmt.Fprintf(&c.body, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="5"/>`+"\n", class, at.x, at.y, at.w, at.h)
	if len(lines)*16 > at.h {
		panic(fmt.Sprintf("%d lines do not fit into %d pixels: %q", len(lines), at.h, lines))
	}
	top := at.y + at.h/2 - 8*(len(lines)-1) + 4
	for i, line := range lines {
		class, each := "", charWidth
		if i > 0 {
			class, each = "small", smallWidth
		}
		if len([]rune(line))*each > at.w {
			panic(fmt.Sprintf("text is wider than its box of %d pixels: %q", at.w, line))
		}
		c.text(class, "middle", at.x+at.w/2, top+16*i, line)
	}
}

// text writes one line. anchor is start, middle or end, as in SVG.
func (c *canvas) text(class, anchor string, x, y int, line string) {
	fmt.Fprintf(&c.body, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escape(line))
}

// arrow draws a line through points, x and y in turn, with a head at its end. kind is "",
// "released" or "preview".
func (c *canvas) arrow(kind string, points ...int) {
	class, head := "line", "head"
	if kind != "" {
		class, head = "to-"+kind, "head-"+kind
	}
	fmt.Fprintf(&c.body, `<polyline class="%s" marker-end="url(#%s)" points="%s"/>`+"\n", class, head, join(points))
}

// line draws a line through points.
func (c *canvas) line(class string, points ...int) {
	fmt.Fprintf(&c.body, `<polyline class="%s" points="%s"/>`+"\n", class, join(points))
}

func join(points []int) string {
	var b strings.Builder
	for i := 0; i+1 < len(points); i += 2 {
		fmt.Fprintf(&b, "%d,%d ", points[i], points[i+1])
	}
	return strings.TrimSpace(b.String())
}

func escape(s string) string {
	var b strings.Builder
	// Writing to a strings.Builder never fails.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
