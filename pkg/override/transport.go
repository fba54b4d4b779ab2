package override

import "net/http"

// Transport is an [http.RoundTripper] that adds the carriers in the context of a
// request to it. The zero value is ready to use. Its fields must not be changed
// after its first use; it may be used by several goroutines.
//
// What the program said itself wins: a carrier whose header the request has
// already is left as it is, each header for itself. See [Carriers.AddTo].
//
// The client follows a redirect with the context of the first request, so that
// request carries them too, wherever it leads. (net/http copies headers that the
// program set by hand to other hosts as well, except for credentials.) Set Only to
// keep them among your own services.
type Transport struct {
	// Base makes the requests; nil means [http.DefaultTransport].
	Base http.RoundTripper
	// Only, if it is set, says which requests the carriers are added to. It must
	// not change the request.
	Only func(*http.Request) bool
}

// RoundTrip makes the request, with the carriers added to a copy of it. It returns
// what Base returns, without errors of its own.
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

// CloseIdleConnections closes those of Base, if it can. [http.Client] calls it.
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
