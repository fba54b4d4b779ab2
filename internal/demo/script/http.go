package script

import (
	"context"
	"fmt"
	"net/http"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// Over returns a Sender whose requests go to http://SERVICE/ through a client, which
// decides on the target of that name.
func Over(client *http.Client) Sender {
	return func(ctx context.Context, r Request) (Response, error) {
		request, err := http.NewRequestWithContext(ctx, r.Method, "http://"+r.Service+"/", http.NoBody)
		if err != nil {
			return Response{}, err
		}
		request.Header = r.Header.Clone()
		response, err := client.Do(request)
		if err != nil {
			return Response{}, err
		}
		defer response.Body.Close()
		answer, err := chain.Decode(response.Body)
		if err != nil {
			return Response{}, fmt.Errorf("status %d: %w", response.StatusCode, err)
		}
		return Response{Status: response.StatusCode, Header: response.Header, Answer: answer}, nil
	}
}
