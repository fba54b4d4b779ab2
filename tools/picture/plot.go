package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// plot is a chart of some series over the same labels.
type plot struct {
	title  string // also what a screen reader says
	unit   string // of the values, above their axis
	labels []string
	axis   string // says what the labels are
	series []series
	bars   bool
}

type series struct {
	name   string
	values []float64
}

const (
	plotHeight                  = 360
	plotLeft, plotTop, plotDown = 70, 84, 280
	plotRight                   = 860
)

// draw returns the chart. The axis begins at zero, so that lengths can be compared.
func (p plot) draw() *canvas {
	c := newCanvas(p.title, plotHeight)
	c.text("bold", "start", 20, 24, p.title)
	step, top := scale(p.highest())
	at := func(value float64) int {
		return plotDown - int(math.Round(value/top*float64(plotDown-plotTop)))
	}
	for value := 0.0; value <= top+step/2; value += step {
		c.line("grid", plotLeft, at(value), plotRight, at(value))
		c.text("small", "end", plotLeft-8, at(value)+4, short(value))
	}
	c.text("small", "start", 20, 68, p.unit)
	width := (plotRight - plotLeft) / len(p.labels)
	for i, label := range p.labels {
		for j, line := range wrap(label, width/smallWidth) {
			c.text("small", "middle", plotLeft+width*i+width/2, plotDown+18+14*j, line)
		}
	}
	c.text("small", "middle", (plotLeft+plotRight)/2, plotDown+68, p.axis)
	c.line("axis", plotLeft, plotDown, plotRight, plotDown)
	for i, s := range p.series {
		if p.bars {
			p.drawBars(c, i, s, width, at)
		} else {
			p.drawLine(c, i, s, width, at)
		}
	}
	p.legend(c)
	return c
}

func (p plot) drawLine(c *canvas, i int, s series, width int, at func(float64) int) {
	var points []int
	for j, value := range s.values {
		x, y := plotLeft+width*j+width/2, at(value)
		points = append(points, x, y)
		fmt.Fprintf(&c.body, `<circle class="f%d" cx="%d" cy="%d" r="3"/>`+"\n", i, x, y)
	}
	c.line("s"+strconv.Itoa(i), points...)
}

func (p plot) drawBars(c *canvas, i int, s series, width int, at func(float64) int) {
	each := width * 7 / 10 / len(p.series)
	for j, value := range s.values {
		x := plotLeft + width*j + width*15/100 + each*i
		fmt.Fprintf(&c.body, `<rect class="f%d" x="%d" y="%d" width="%d" height="%d"/>`+"\n", i, x, at(value), each-2, plotDown-at(value))
		c.text("small", "middle", x+each/2, at(value)-4, short(value))
	}
}

// legend writes the names of the series, from the right.
func (p plot) legend(c *canvas) {
	if len(p.series) < 2 {
		return
	}
	x := plotRight
	for i, s := range slices.Backward(p.series) {
		c.text("small", "end", x, 46, s.name)
		x -= len([]rune(s.name))*6 + 14
		fmt.Fprintf(&c.body, `<rect class="f%d" x="%d" y="37" width="10" height="10"/>`+"\n", i, x)
		x -= 16
	}
}

func (p plot) highest() float64 {
	var most float64
	for _, s := range p.series {
		most = max(most, slices.Max(s.values))
	}
	return most
}

// scale returns a round step and the end of an axis for values up to most: four to eight
// steps of 1, 2 or 5 times a power of ten.
func scale(most float64) (step, top float64) {
	if most <= 0 {
		return 1, 1
	}
	step = math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, factor := range []float64{5, 2} {
		if most/(step*factor) >= 4 {
			step *= factor
			break
		}
	}
	return step, math.Ceil(most/step) * step
}

// short prints a number with one decimal at most.
func short(value float64) string { return strconv.FormatFloat(math.Round(value*10)/10, 'f', -1, 64) }

// wrap breaks text into lines of at most width characters, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		last := len(lines) - 1
		if last >= 0 && len([]rune(lines[last]+" "+word)) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
