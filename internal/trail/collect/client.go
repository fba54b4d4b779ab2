package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// Client asks a collector.
type Client struct {
	// HTTP sends the requests. URL is the address of the collector, without RecordsPath.
	HTTP *http.Client
	URL  string
}

// ErrNoCollector means that the address is not that of a collector that is there.
var ErrNoCollector = errors.New("there is no collector")

// Find returns the records that are asked for. missing are the replicas whose records are missing.
func (c *Client) Find(ctx context.Context, q *trail.Query) (records []trail.Record, missing []string, err error) {
	header, err := c.ask(ctx, q, false, func(r *trail.Record) error {
		records = append(records, *r)
		return nil
	})
	if names := header.Get(MissingHeader); names != "" {
		missing = strings.Split(names, ",")
	}
	return records, missing, err
}

// Follow calls each with the records that are asked for, until ctx ends or each returns an error.
func (c *Client) Follow(ctx context.Context, q *trail.Query, each func(*trail.Record) error) error {
	_, err := c.ask(ctx, q, true, each)
	return err
}

func (c *Client) ask(ctx context.Context, q *trail.Query, follow bool, each func(*trail.Record) error) (http.Header, error) {
	response, err := get(ctx, c.HTTP, c.URL, values(q, follow))
	if err != nil {
		return nil, fmt.Errorf("ask the collector: %w", err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return response.Header, fmt.Errorf("%w at %s", ErrNoCollector, c.URL)
	case response.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200)) // the status says enough
		return response.Header, fmt.Errorf("the collector answers %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return response.Header, eachRecord(response.Body, each)
}

// get asks the collector at a URL. The caller closes the body of the response.
func get(ctx context.Context, client *http.Client, collector string, parameters url.Values) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, collector+RecordsPath+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// values returns the parameters with which a query is asked.
func values(q *trail.Query, follow bool) url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"requestId": q.RequestID, "traceId": q.TraceID, "mark": q.Mark, "member": q.Member} {
		if value != "" {
			out.Set(name, value)
		}
	}
	if !q.Since.IsZero() {
		out.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	if follow {
		out.Set("follow", "true")
	}
	return out
}

// eachRecord reads records, and calls each with them.
func eachRecord(from io.Reader, each func(*trail.Record) error) error {
	for decoder := json.NewDecoder(from); ; {
		var r trail.Record
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read records: %w", err)
		} else if r.ID == "" {
			return errors.New("read records: the answer has something else than records")
		}
		if err := each(&r); err != nil {
			return err
		}
	}
}
