package trail

import "time"

// Window holds the latest records, up to some bytes and some age. Its zero value holds none. It is not
// safe for concurrent use.
type Window struct {
	// MaxBytes limits the sizes of the records together, MaxAge the time since they arrived.
	MaxBytes int
	MaxAge   time.Duration

	// held are the records in the order of their arrival, from first on.
	held  []arrived
	first int
	bytes int
}

type arrived struct {
	record Record
	at     time.Time
	size   int
}

// Add adds a record that has arrived now, and returns how many go for it.
func (w *Window) Add(r *Record, now time.Time) (evicted int) {
	size := Size(r)
	if size > w.MaxBytes {
		return 1
	}
	w.held = append(w.held, arrived{record: *r, at: now, size: size})
	w.bytes += size
	return w.trim(now)
}

// Expire removes records that are too old, and returns how many.
func (w *Window) Expire(now time.Time) (evicted int) { return w.trim(now) }

// trim removes records from the oldest on.
func (w *Window) trim(now time.Time) int {
	before := w.first
	for w.first < len(w.held) && (w.bytes > w.MaxBytes || now.Sub(w.held[w.first].at) > w.MaxAge) {
		w.bytes -= w.held[w.first].size
		w.held[w.first] = arrived{}
		w.first++
	}
	evicted := w.first - before
	// Each record is moved at most once on average.
	if w.first > len(w.held)/2 {
		w.held = append(make([]arrived, 0, 2*w.Len()), w.held[w.first:]...)
		w.first = 0
	}
	return evicted
}

// Find returns the records that a query asks for, in the order of their arrival.
func (w *Window) Find(q *Query) []Record {
	var out []Record
	for i := w.first; i < len(w.held); i++ {
		if r := &w.held[i].record; q.Matches(r) {
			out = append(out, *r)
		}
	}
	return out
}

// Len returns the number of records.
func (w *Window) Len() int { return len(w.held) - w.first }

// Bytes returns the sizes of the records together.
func (w *Window) Bytes() int { return w.bytes }

// perRecord is the memory of a record besides its texts, with the space that slices and maps leave
// free.
const perRecord = 1024

// Size returns about how many bytes of memory a record takes.
func Size(r *Record) int {
	size := perRecord
	for _, text := range []string{
		r.ID, string(r.Side), r.RequestID, r.TraceID, r.Mark, r.Header, r.Baggage, r.Method, r.Authority, r.Path, r.Protocol,
		r.Route, r.Cluster, r.Served.Name, r.Served.Namespace, r.Served.Revision, r.Downstream.From, r.Downstream.To, r.Upstream.From, r.Upstream.To,
	} {
		size += len(text)
	}
	// Proxy is shared by the records of a stream, which may hold no other.
	size += len(r.Proxy.Pod) + len(r.Proxy.Namespace) + len(r.Proxy.Workload)
	for name, value := range r.Proxy.Labels {
		size += 32 + len(name) + len(value)
	}
	return size + 16*len(r.Flags)
}
