package override

import "net/http"

// Transport is an [http.RoundTripper] that adds the carriers in a request's context to
// the request. The zero value is ready to use. Its fields must not change after its first
// use; several goroutines may use it.
//
// Headers that the program set win: Transport leaves each header that the request already
// has unchanged. See [Carriers.AddTo].
//
// The client follows a redirect with the context of the first request, so the redirected
// request has the carriers too, to whatever host. (net/http also sends headers that the
// program set to other hosts, except credentials.) Set Only to send them only to your own
// services.
type Transport struct {
	// Base makes the requests; nil means [http.DefaultTransport].
	Base http.RoundTripper
	// Only, if set, selects the requests that get the carriers. It must not change the
	// request.
	Only func(*http.Request) bool
}

// RoundTrip sends a copy of the request with the carriers added. It returns the results
// of Base, and no errors of its own.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if c := FromContext(r.Context()); !c.IsZero() && (t.Only == nil || t.Only(r)) {
		r = r.WithContext(r.Context())
		if r.Header = r.Header.Clone(); r.Header == nil {
			r.Header = http.Header{}
		}
		c.AddTo(r.Header)
	}
	return t.base().RoundTrip(r)
}

// CloseIdleConnections closes the idle connections of Base, if it can. [http.Client]
// calls it.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}
