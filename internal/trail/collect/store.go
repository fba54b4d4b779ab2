package collect

import (
	"strconv"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// store has the records of this replica. It is safe for concurrent use.
type store struct {
	// instance tells the records of this replica from those of others, and from those before a
	// restart.
	instance string

	mu        sync.Mutex
	window    trail.Window
	last      uint64
	followers map[*follower]struct{}
}

// follower gets the records that a query asks for as they arrive.
type follower struct {
	query   trail.Query
	records chan trail.Record
	// late is closed once the follower has missed a record; it gets no more.
	late chan struct{}
}

// backlog is how many records a follower may be behind.
const backlog = 1024

func newStore(instance string, options *Options) *store {
	return &store{
		instance:  instance,
		window:    trail.Window{MaxBytes: options.MaxBytes, MaxAge: options.MaxAge},
		followers: map[*follower]struct{}{},
	}
}

// add gives a record its ID and holds it. It returns how many records went for it.
func (s *store) add(r *trail.Record, now time.Time) (evicted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	r.ID = s.instance + "-" + strconv.FormatUint(s.last, 10)
	for f := range s.followers {
		if !f.query.Matches(r) {
			continue
		}
		select {
		case f.records <- *r:
		default:
			close(f.late)
			delete(s.followers, f)
		}
	}
	return s.window.Add(r, now)
}

// expire removes records that are too old.
func (s *store) expire(now time.Time) (evicted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.Expire(now)
}

func (s *store) find(q *trail.Query) []trail.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.Find(q)
}

// follow returns the records that there are, and a follower that gets all later ones.
func (s *store) follow(q *trail.Query) ([]trail.Record, *follower) {
	f := &follower{query: *q, records: make(chan trail.Record, backlog), late: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers[f] = struct{}{}
	return s.window.Find(q), f
}

func (s *store) unfollow(f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, f)
}

func (s *store) held() (records, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.Len(), s.window.Bytes()
}
