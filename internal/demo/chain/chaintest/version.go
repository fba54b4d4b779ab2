// Package chaintest asks services of package chain, for tests.
package chaintest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// StatusError is the HTTP status of an answer that is not a success, or not from a
// service of a chain.
type StatusError int

func (e StatusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// Version asks a service which version of it serves a request. The request has the header
// x-override, unless it is empty. The error is a [StatusError] if something answered.
func Version(ctx context.Context, client *http.Client, url, override string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	if override != "" {
		request.Header.Set("X-Override", override)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return "", err
	}
	answer, err := chain.Decode(&body)
	if err != nil || response.StatusCode != http.StatusOK {
		return "", StatusError(response.StatusCode)
	}
	return answer.Version, nil
}
