package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/overrides-mesh/overrides/internal/envoy"
)

// versions are the versions of an Envoy's two files.
type versions struct{ clusters, routes string }

// Envoy's statistics about its files.
const (
	clustersPrefix = "cluster_manager.cds."
	routesPrefix   = "http." + envoy.RouteName + ".rds." + envoy.RouteName + "."
	versionText    = "version_text"
	rejected       = "update_rejected"
)

var errRejected = errors.New("envoy rejects its configuration")

func adminClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
}

func (p *Proxy) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://envoy"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	return p.admin.Do(req)
}

// live reports whether the Envoy serves.
func (p *Proxy) live(ctx context.Context) bool {
	res, err := p.get(ctx, "/ready")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// inForce reports whether the files written last are in force. Envoy reports the version
// of an update once its main thread has passed it to the workers, which process such
// messages in order.
func (p *Proxy) inForce(ctx context.Context) (bool, error) {
	stats, err := p.stats(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // an Envoy that does not answer is starting, or has ended
	}
	if stats.rejected > 0 {
		return false, errRejected
	}
	return stats.versions == p.versions, nil
}

type stats struct {
	versions versions
	rejected int
}

func (p *Proxy) stats(ctx context.Context) (stats, error) {
	var out stats
	res, err := p.get(ctx, "/stats?format=json")
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	var answer struct {
		Stats []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"stats"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return out, fmt.Errorf("read stats: %w", err)
	}
	for _, s := range answer.Stats {
		text, _ := s.Value.(string)
		number, _ := s.Value.(float64)
		switch s.Name {
		case clustersPrefix + versionText:
			out.versions.clusters = text
		case routesPrefix + versionText:
			out.versions.routes = text
		case clustersPrefix + rejected, routesPrefix + rejected:
			out.rejected += int(number)
		}
	}
	return out, nil
}
