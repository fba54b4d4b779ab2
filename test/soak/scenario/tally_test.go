package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// tally has the results of scripts' requests: a line for each kind of each script.
type tally struct {
	mu       sync.Mutex
	lines    []string
	ordinary counted
}

// counted has the results of some requests. Forgiven ones failed within the second in
// which a user's rule hid subsets, and do not count as failed.
type counted struct{ sent, failed, forgiven, misrouted int }

func (c counted) String() string {
	text := fmt.Sprintf("%d sent, %d failed, %d misrouted", c.sent, c.failed, c.misrouted)
	if c.forgiven > 0 {
		text += fmt.Sprintf(", %d failed while subsets were hidden", c.forgiven)
	}
	return text
}

// add counts the requests of a kind of a script.
func (t *tally) add(script, kind string, c counted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%s, %s: %s", script, kind, c))
	if kind == "home" || kind == "elsewhere" {
		t.ordinary.sent += c.sent
		t.ordinary.failed += c.failed
		t.ordinary.forgiven += c.forgiven
		t.ordinary.misrouted += c.misrouted
	}
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.lines)
	return fmt.Sprintf("%s\nordinary: %s", strings.Join(t.lines, "\n"), t.ordinary)
}
