package judge

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// Version is one version of a Service.
type Version struct{ Service, Name string }

// String returns SERVICE:VERSION, as in an override.
func (v Version) String() string { return v.Service + ":" + v.Name }

// Announcement is a period during which a version was announced.
type Announcement struct {
	Version

	// ended is when the soak ended it, zero while it lasts; why is the reason.
	ended time.Time
	why   Class
}

// Book has the rules at each moment, and the results of requests.
type Book struct {
	mu sync.Mutex
	// released are the versions that ordinary requests to a Service may reach.
	released map[string][]string
	// robbed is the time until which a Service lacks an object that a user deleted.
	robbed map[string]time.Time
	// blind is set while proxies may lack written objects.
	blind bool
	// counts are the counts of each phase; a request belongs to the phase in which it was
	// sent.
	phase  string
	counts map[string]map[Class]Count
	report func(Failure)
}

// Failure is one request that went wrong.
type Failure struct {
	Class        Class
	Service      string
	Sent, Ended  time.Time
	What, Answer string
}

// String returns a line for reading.
func (f Failure) String() string {
	return fmt.Sprintf("%s request to %s sent %s, %v under way: %s; answer %s",
		f.Class, f.Service, f.Sent.Format("15:04:05.000"), f.Ended.Sub(f.Sent).Round(time.Microsecond), f.What, f.Answer)
}

// NewBook returns a book that allows nothing yet. It calls report with failures of every
// class; report must not call the book.
func NewBook(report func(Failure)) *Book {
	return &Book{released: map[string][]string{}, robbed: map[string]time.Time{}, counts: map[string]map[Class]Count{}, report: report}
}

// Release allows ordinary requests to a Service to reach these versions, too.
func (b *Book) Release(service string, versions ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released[service] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(b.released[service], versions))))
}

// Retire forbids ordinary requests that are sent from now on to reach a version.
func (b *Book) Retire(service, version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released[service] = slices.DeleteFunc(slices.Clone(b.released[service]), func(v string) bool { return v == version })
}

// Rob records that a user deletes an object of a Service; its proxies lack the object
// until a time at the latest.
func (b *Book) Rob(service string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.robbed[service] = until
}

// End ends an announcement for a reason, before the action that ends it. One that has
// ended does not change.
func (b *Book) End(a *Announcement, at time.Time, why Class) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.ended.IsZero() {
		a.ended, a.why = at, why
	}
}

// Blind says whether proxies may lack written objects, because istiod is away.
func (b *Book) Blind(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blind = yes
}

// Phase starts a phase with a name, by which requests are counted.
func (b *Book) Phase(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.phase = name
}

// Counts returns the counts so far, of all phases together.
func (b *Book) Counts() map[Class]Count {
	out := map[Class]Count{}
	for _, counts := range b.Phases() {
		for class, count := range counts {
			out[class] = out[class].Add(count)
		}
	}
	return out
}

// Phases returns the counts so far, by phase.
func (b *Book) Phases() map[string]map[Class]Count {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]map[Class]Count{}
	for phase, counts := range b.counts {
		out[phase] = maps.Clone(counts)
	}
	return out
}

// Request is a request in flight.
type Request struct {
	book *Book
	sent time.Time
	// to is the called Service; override is nil for none.
	to       string
	override *Announcement
	absent   bool
	blind    bool
	phase    string
	// released are the released versions of all Services when it was sent.
	released map[string][]string
}

// Begin is called before a request is sent to a Service. The announcement is that of the
// version that it asks for.
func (b *Book) Begin(at time.Time, to string, override *Announcement) *Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &Request{book: b, sent: at, to: to, override: override, blind: b.blind, phase: b.phase, released: maps.Clone(b.released)}
}

// BeginAbsent is Begin for a request that asks for a version that does not exist.
func (b *Book) BeginAbsent(at time.Time, to string) *Request {
	r := b.Begin(at, to, nil)
	r.absent = true
	return r
}

// End judges a request by its answer, or by the error.
func (r *Request) End(at time.Time, answer *chain.Answer, err error) {
	b := r.book
	b.mu.Lock()
	verdict, class := r.judge(at, answer, err)
	if b.counts[r.phase] == nil {
		b.counts[r.phase] = map[Class]Count{}
	}
	count := b.counts[r.phase][class]
	count.Sent++
	switch verdict.kind {
	case failed:
		count.Failed++
	case misrouted:
		count.Misrouted++
	case fine:
	}
	b.counts[r.phase][class] = count
	b.mu.Unlock()
	if verdict.kind == fine {
		return
	}
	text := "none"
	if err != nil {
		text = err.Error()
	} else if answer != nil {
		text = answer.String()
	}
	service := verdict.service
	if service == "" {
		service = r.to
	}
	b.report(Failure{Class: class, Service: service, Sent: r.sent, Ended: at, What: verdict.what, Answer: text})
}
