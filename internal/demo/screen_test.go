package demo

import (
	"bytes"
	"testing"
)

// TestScreen: a line that changes is written in place on a terminal, and goes
// before a line that stays.
func TestScreen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		terminal bool
		want     string
	}{
		{true, "\r\x1b[K1 request\r\x1b[K2 requests\r\x1b[Ksomething happened\n\r\x1b[K2 requests"},
		{false, "something happened\n"},
	} {
		var out bytes.Buffer
		s := &screen{w: &out, terminal: test.terminal}
		for _, line := range []string{"1 request", "1 request", "2 requests"} {
			s.show(line)
		}
		s.say("something %s", "happened")
		s.show("2 requests")
		if out.String() != test.want {
			t.Errorf("terminal %v: %q, want %q", test.terminal, out.String(), test.want)
		}
	}
}
