package demo

import (
	"fmt"
	"io"
	"time"
)

// showInterval is how often the changing line is written to an output that can't
// overwrite it.
const showInterval = 10 * time.Second

// screen writes lines, and below them one that changes in place on a terminal.
type screen struct {
	w        io.Writer
	terminal bool
	shown    string
	at       time.Time
}

// say writes a line that stays.
func (s *screen) say(format string, args ...any) {
	s.clear()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// show writes the line that changes.
func (s *screen) show(line string) {
	switch {
	case line == s.shown:
	case s.terminal:
		fmt.Fprintf(s.w, "\r\x1b[K%s", line)
		s.shown = line
	case s.at.IsZero():
		s.at = time.Now()
	case time.Since(s.at) >= showInterval:
		fmt.Fprintln(s.w, line)
		s.at = time.Now()
	}
}

// clear removes the line that changes.
func (s *screen) clear() {
	if s.shown != "" {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = ""
	}
}
