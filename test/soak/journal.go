package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// journal writes actions to a file, as a line of JSON each, and prints failures.
type journal struct {
	timeline *timeline
	file     *os.File
	log      io.Writer

	mu     sync.Mutex
	cycles int
	// told counts failures by class: only the first are printed with their history.
	told map[judge.Class]int
}

// tellMost is the number of failures, of a class that must not have any, that are printed
// with their history.
const tellMost = 4

func openJournal(path string, t *timeline, log io.Writer) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &journal{timeline: t, file: file, log: log, told: map[judge.Class]int{}}, nil
}

func (j *journal) close() error { return j.file.Close() }

// line writes one line of the journal.
func (j *journal) line(value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only values of this file come here
	}
	_, _ = j.file.Write(append(data, '\n'))
}

// tell prints a line.
func (j *journal) tell(format string, args ...any) {
	fmt.Fprintf(j.log, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// cycle records the end of a cycle.
func (j *journal) cycle(number int, v judge.Version, took time.Duration, counts map[judge.Class]judge.Count) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cycles++
	j.line(map[string]any{"time": time.Now(), "cycle": number, "version": v.String(), "took": took.Round(time.Millisecond).String(), "requests": counts})
	if j.cycles%10 == 0 {
		j.tell("%d cycles: ordinary %s, announced %s, leaving %s, unready %s, crashed %s", j.cycles,
			counts[judge.Ordinary], counts[judge.Announced], counts[judge.Leaving], counts[judge.Unready], counts[judge.Crashed])
	}
}

// failure records a request that went wrong.
func (j *journal) failure(f judge.Failure) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told[f.Class]++
	n := j.told[f.Class]
	j.line(map[string]any{"time": time.Now(), "failure": f.String()})
	j.timeline.note(f.Service, "REQUEST: %s", f)
	if f.Class.Strict() && n <= tellMost {
		j.tell("%s\n%s", f, j.timeline.of(f.Service, f.Sent.Add(-lately)))
	}
}

// timed records the times of a version's marks.
func (j *journal) timed(v judge.Version, at map[mark]time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line(map[string]any{"version": v.String(), "marks": at})
}
