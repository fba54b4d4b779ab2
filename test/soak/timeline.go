package soak

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// timeline keeps recent events of each Service, for finding out why a request went wrong.
type timeline struct {
	mu      sync.Mutex
	entries map[string][]entry
}

type entry struct {
	at   time.Time
	text string
}

// kept is the number of kept entries of a Service.
const kept = 600

func newTimeline() *timeline { return &timeline{entries: map[string][]entry{}} }

// note records an event of a Service now; "" means all Services.
func (t *timeline) note(service, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[service]
	e = append(e, entry{time.Now(), fmt.Sprintf(format, args...)})
	if len(e) > 2*kept {
		e = append([]entry(nil), e[len(e)-kept:]...)
	}
	t.entries[service] = e
}

// of returns the events of a Service, and of all, since a time.
func (t *timeline) of(service string, since time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	one, all := t.entries[service], t.entries[""]
	for len(one)+len(all) > 0 {
		from := &one
		if len(one) == 0 || len(all) > 0 && all[0].at.Before(one[0].at) {
			from = &all
		}
		if e := (*from)[0]; !e.at.Before(since) {
			fmt.Fprintf(&b, "    %s  %s\n", e.at.Format("15:04:05.000"), e.text)
		}
		*from = (*from)[1:]
	}
	return b.String()
}
