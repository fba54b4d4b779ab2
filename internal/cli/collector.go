package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

// collectorFlags say where the collector of trails is.
type collectorFlags struct {
	url, service string
}

func (c *collectorFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.url, "collector", "", "`URL` of the collector. Without it, the collector is asked through the API server of the cluster")
	flags.StringVar(&c.service, "collector-service", "overrides-trail.overrides-system:9912", "`NAME.NAMESPACE:PORT` of the collector's Service, for the way through the API server")
}

// client returns a client of the collector. It contacts nothing.
func (c *collectorFlags) client(cluster *clusterFlags) (*collect.Client, error) {
	if c.url != "" {
		u, err := url.Parse(c.url)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, usagef("--collector: %q: want a URL such as http://127.0.0.1:9912", c.url)
		}
		return &collect.Client{HTTP: &http.Client{}, URL: strings.TrimSuffix(c.url, "/")}, nil
	}
	host, port, hasPort := strings.Cut(c.service, ":")
	name, namespace, hasNamespace := strings.Cut(host, ".")
	if !hasPort || !hasNamespace || name == "" || namespace == "" || port == "" {
		return nil, usagef("--collector-service: %q: want NAME.NAMESPACE:PORT", c.service)
	}
	config, _, err := cluster.load()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/services/%s:%s/proxy", url.PathEscape(namespace), url.PathEscape(name), url.PathEscape(port))
	return &collect.Client{HTTP: client, URL: strings.TrimSuffix(server.String(), "/") + path}, nil
}

// find asks a collector, and says which of its replicas did not answer.
func (a *app) find(ctx context.Context, c *collect.Client, q *trail.Query) ([]trail.Record, error) {
	records, missing, err := c.Find(ctx, q)
	if len(missing) > 0 {
		a.say("warning: records are missing: these replicas of the collector did not answer: %s", strings.Join(missing, ", "))
	}
	return records, err
}

// fewTrails is how many trails are asked for one by one.
const fewTrails = 20

// related returns the records of whole requests, some records of which are given: the others may
// have lost the override. All since the first are asked for if there are many requests.
func (a *app) related(ctx context.Context, c *collect.Client, records []trail.Record) ([]trail.Record, error) {
	asked := map[trail.Query]bool{}
	for {
		var queries []trail.Query
		for i := range records {
			for _, q := range []trail.Query{{TraceID: records[i].TraceID}, {Mark: records[i].Mark}, {RequestID: records[i].RequestID}} {
				if q != (trail.Query{}) && !asked[q] {
					asked[q] = true
					queries = append(queries, q)
				}
			}
		}
		switch {
		case len(queries) == 0:
			return records, nil
		case len(asked) > fewTrails:
			return a.find(ctx, c, &trail.Query{Since: records[0].Start.Add(-time.Minute)})
		}
		for i := range queries {
			more, err := a.find(ctx, c, &queries[i])
			if err != nil {
				return nil, err
			}
			records = append(records, more...)
		}
	}
}

// snapshot reads the cluster or manifests that say why proxies took a row; nil if there are none.
// The trail says what happened without it.
func (a *app) snapshot(ctx context.Context, in *input) (*trail.Snapshot, error) {
	var usage *usageError
	s, err := a.read(ctx, in)
	switch {
	case err == nil:
		return &trail.Snapshot{Model: s.snapshot, Result: &s.result}, nil
	case in.fromFiles() || ctx.Err() != nil:
		return nil, err
	case errors.As(err, &usage):
		if _, _, err := in.cluster.load(); err == nil {
			return nil, usage // a flag is wrong
		}
	}
	a.say("note: without the manifests (-f) or a cluster, nothing says why a proxy took a row: %v", err)
	return nil, nil //nolint:nilnil // no snapshot is no error
}
