package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// peers are the other replicas. DNS knows them, and this one among them: it tells itself by the
// instance in its answer.
type peers struct {
	instance string
	// replicas returns the addresses of all replicas, this one among them.
	replicas func(context.Context) ([]string, error)
	log      *slog.Logger
}

const (
	// askTime is how long a replica may take to answer.
	askTime = 3 * time.Second
	// lookUpEvery is how often those who follow look for new replicas.
	lookUpEvery = 2 * time.Second
)

// replicasAt looks the replicas up in DNS; none have no name there.
func replicasAt(host, port string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		if host == "" {
			return nil, nil
		}
		hosts, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("look up the replicas: %w", err)
		}
		for i := range hosts {
			hosts[i] = net.JoinHostPort(hosts[i], port)
		}
		return hosts, nil
	}
}

// find asks the other replicas. missing are the addresses of those that did not answer.
func (p *peers) find(ctx context.Context, q *trail.Query) (records []trail.Record, missing []string) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	addresses, err := p.replicas(ctx)
	if err != nil {
		p.log.Warn("the replicas are not known", "error", err)
		return nil, []string{"unknown"}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, address := range addresses {
		all.Go(func() {
			var got []trail.Record
			err := p.ask(ctx, address, q, false, func(r *trail.Record) error {
				got = append(got, *r)
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			records = append(records, got...)
			if err != nil {
				p.log.Warn("a replica did not answer", "address", address, "error", err)
				missing = append(missing, address)
			}
		})
	}
	all.Wait()
	return records, missing
}

// follow sends the records of all other replicas, those that start later among them, until ctx ends.
func (p *peers) follow(ctx context.Context, q *trail.Query, to chan<- trail.Record) {
	f := &following{to: to, seen: map[string]uint64{}, open: map[string]bool{}}
	tick := time.NewTicker(lookUpEvery)
	defer tick.Stop()
	for {
		addresses, err := p.replicas(ctx)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("the replicas are not known", "error", err)
		}
		for _, address := range addresses {
			if !f.begin(address) {
				continue
			}
			go func() {
				err := p.ask(ctx, address, q, true, func(r *trail.Record) error { return f.send(ctx, r) })
				// This replica itself is not asked again: its address stays open.
				if !errors.Is(err, errItself) {
					f.end(address)
				}
			}()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// following are the replicas whose records somebody follows.
type following struct {
	to chan<- trail.Record

	mu   sync.Mutex
	open map[string]bool
	// seen has the number of the latest record of each instance: one that is asked again sends its
	// records from the first on.
	seen map[string]uint64
}

func (f *following) begin(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.open[address]
	f.open[address] = true
	return !before
}

func (f *following) end(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, address)
}

func (f *following) send(ctx context.Context, r *trail.Record) error {
	instance, number, _ := strings.Cut(r.ID, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return fmt.Errorf("the ID of a record: %w", err)
	}
	f.mu.Lock()
	again := n <= f.seen[instance]
	f.seen[instance] = max(n, f.seen[instance])
	f.mu.Unlock()
	if again {
		return nil
	}
	select {
	case f.to <- *r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// client asks other replicas, and no proxy of the environment.
var client = &http.Client{Transport: &http.Transport{
	DialContext: (&net.Dialer{Timeout: askTime}).DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: askTime,
}}

var errItself = errors.New("it is this replica")

// ask asks a replica for its own records, and calls each with them.
func (p *peers) ask(ctx context.Context, address string, q *trail.Query, follow bool, each func(*trail.Record) error) error {
	parameters := values(q, follow)
	parameters.Set("local", "true")
	response, err := get(ctx, client, "http://"+address, parameters)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", response.Status)
	case response.Header.Get(InstanceHeader) == p.instance:
		if follow {
			return errItself
		}
		return nil
	}
	return eachRecord(response.Body, each)
}
