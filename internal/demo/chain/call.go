package chain

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// call calls the service at a URL, with the headers that are passed on. It returns the
// service's answer, or an answer about the failure, with the header x-override-error.
func (s *service) call(ctx context.Context, method, target string, forwarded http.Header) (answer Answer, why string) {
	failed := Answer{Service: host(target), Status: http.StatusBadGateway}
	req, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		failed.Error = shorten(err.Error())
		return failed, ""
	}
	maps.Copy(req.Header, forwarded)
	res, err := s.Client.Do(req)
	if err != nil {
		failed.Error = shorten(err.Error())
		return failed, ""
	}
	defer res.Body.Close()
	why = res.Header.Get(errorHeader)
	if method == http.MethodHead {
		// The version is unknown.
		return Answer{Service: failed.Service, Status: res.StatusCode}, why
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		failed.Error = shorten(err.Error())
		return failed, why
	}
	answer, err = Decode(bytes.NewReader(body))
	if err != nil {
		// A proxy answered, or another server: its response says more than err.
		if !ok(res.StatusCode) {
			failed.Status = res.StatusCode
		}
		if failed.Error = shorten(string(body)); failed.Error == "" {
			failed.Error = http.StatusText(failed.Status)
		}
		return failed, why
	}
	// A proxy may have changed the status and left the body.
	answer.Status = res.StatusCode
	return answer, why
}

// failed reports whether the caller of a must report a failure.
func (a Answer) failed() bool { return a.Error != "" || !ok(a.Status) }

func ok(status int) bool { return 200 <= status && status < 300 }

// host returns the service in a URL: service-2 in http://service-2.shop:80/.
func host(target string) string {
	if u, err := url.Parse(target); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return target
}

// shorten returns the beginning of a text, without an incomplete character at its end.
func shorten(text string) string {
	text = strings.TrimSpace(text)
	if len(text) <= maxError {
		return text
	}
	end := maxError
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
