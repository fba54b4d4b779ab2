package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// RecordsPath is the path of queries:
//
//	GET /records?requestId=…&traceId=…&mark=…&member=…&since=…
//
// Each parameter may be missing. since is a time as RFC 3339 has it. The answer is one record in JSON
// on each line, from the earliest start on; with follow=true, in the order in which records arrive,
// without an end. local=true leaves out those of other replicas.
const RecordsPath = "/records"

const (
	// InstanceHeader says in an answer which replica gave it.
	InstanceHeader = "Overrides-Trail-Instance"
	// MissingHeader has the addresses of replicas whose records are missing in an answer, joined by
	// commas; "unknown" if no replica is known.
	MissingHeader = "Overrides-Trail-Missing"

	// maxQueries and maxFollowers limit the queries at one time.
	maxQueries, maxFollowers = 4, 64
	// writeTime is how long a client may take to receive a part of an answer.
	writeTime = 10 * time.Second
)

// answers answers queries.
type answers struct {
	store   *store
	metrics *metrics
	peers   *peers
	log     *slog.Logger
	// queries and followers have an element for each that may begin.
	queries, followers chan struct{}
}

func newAnswers(c *Collector) http.Handler {
	a := &answers{
		store: c.store, metrics: c.metrics, log: c.log,
		peers:   &peers{instance: c.store.instance, replicas: c.replicas, log: c.log},
		queries: make(chan struct{}, maxQueries), followers: make(chan struct{}, maxFollowers),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+RecordsPath, a.serve)
	return mux
}

// asked is what one request asks for.
type asked struct {
	trail.Query

	follow, local bool
}

// parse reads the parameters of a query.
func parse(values url.Values) (*asked, error) {
	a := &asked{}
	for name, given := range values {
		value := given[len(given)-1]
		switch name {
		case "requestId":
			a.RequestID = value
		case "traceId":
			a.TraceID = value
		case "mark":
			a.Mark = value
		case "member":
			a.Member = value
		case "since":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return nil, fmt.Errorf("since: %q is not a time such as 2026-01-02T15:04:05Z", value)
			}
			a.Since = at
		case "follow":
			a.follow = value == "true"
		case "local":
			a.local = value == "true"
		default:
			return nil, fmt.Errorf("there is no parameter %q", name)
		}
	}
	return a, nil
}

func (a *answers) serve(w http.ResponseWriter, r *http.Request) {
	query, err := parse(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	limit := a.queries
	if query.follow {
		limit = a.followers
	}
	select {
	case limit <- struct{}{}:
		defer func() { <-limit }()
	default:
		a.metrics.refused.WithLabelValues(tooManyQueries).Inc()
		http.Error(w, "there are too many queries at this time", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set(InstanceHeader, a.store.instance)
	lines := &lines{w: w, control: http.NewResponseController(w)}
	if query.follow {
		a.follow(r.Context(), lines, query)
		return
	}
	records := a.store.find(&query.Query)
	if !query.local {
		others, missing := a.peers.find(r.Context(), &query.Query)
		records = append(records, others...)
		if len(missing) > 0 {
			a.metrics.missing.Add(float64(len(missing)))
			w.Header().Set(MissingHeader, strings.Join(missing, ","))
		}
	}
	for _, record := range sorted(records) {
		if lines.write(&record) != nil {
			return // the client is gone
		}
	}
}

// sorted sorts records by start.
func sorted(records []trail.Record) []trail.Record {
	slices.SortFunc(records, func(x, y trail.Record) int {
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ID, y.ID))
	})
	return records
}

// follow writes records until the client goes, or is too slow.
func (a *answers) follow(ctx context.Context, out *lines, query *asked) {
	a.metrics.followers.Inc()
	defer a.metrics.followers.Dec()
	records, own := a.store.follow(&query.Query)
	defer a.store.unfollow(own)
	var others chan trail.Record
	if !query.local {
		others = make(chan trail.Record)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go a.peers.follow(ctx, &query.Query, others)
	}
	err := out.flush()
	for i := range records {
		err = cmp.Or(err, out.write(&records[i]))
	}
	for err = cmp.Or(err, out.flush()); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-own.late:
			a.metrics.refused.WithLabelValues(followerTooSlow).Inc()
			return
		case record := <-own.records:
			err = cmp.Or(out.write(&record), out.flush())
		case record := <-others:
			err = cmp.Or(out.write(&record), out.flush())
		}
	}
}

// lines writes records as lines of JSON.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (l *lines) write(record *trail.Record) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := l.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err = l.w.Write(append(text, '\n'))
	return err
}

func (l *lines) flush() error {
	if err := l.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return l.control.Flush()
}
