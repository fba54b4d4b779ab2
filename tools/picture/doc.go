// Command picture draws the pictures of the documentation, as SVG.
//
//	go run ./picture ../docs
//
// It writes docs/images/*.svg. It draws the plots from the tables of docs/benchmarks.md
// and docs/soak.md, which are the only source of these numbers.
//
//	canvas.go    boxes, arrows and text, in colours for light and dark pages
//	scene.go     preview beside released; the rows of a table; make before break
//	plot.go      lines and bars over a table of numbers
//	chart.go     the plots, each from the table with its numbers
//	table.go     reads a table from a page
//	main.go      writes all of them
package main
