package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

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
	values := Values(q)
	if follow {
		values.Set("follow", "true")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+RecordsPath+"?"+values.Encode(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the collector: %w", err)
	}
	response, err := c.HTTP.Do(request)
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
