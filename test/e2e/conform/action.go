package conform

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/route"
)

// action is the effect of a row on a case.
type action struct {
	row   *route.Route
	match *route.Match
	of    *Case
}

// always is the percentage of faults that tests can rely on.
const always = 100

// act sets the outcome of a request that a row takes: the effects of the user's route
// besides its destinations, which apply to overrides of it too.
func (o *Oracle) act(e *Expectation, a *action) error {
	base := a.row.Base
	fault := base.GetFault()
	if delay := fault.GetDelay(); delay != nil && delay.GetPercentage().GetValue() == always {
		e.AtLeast = delay.GetFixedDelay().AsDuration()
	}
	operate(e.Response, base.GetHeaders().GetResponse())
	switch {
	case fault.GetAbort() != nil && fault.GetAbort().GetPercentage().GetValue() == always:
		e.Status = int(fault.GetAbort().GetHttpStatus())
	case base.GetRedirect() != nil:
		return a.redirect(e, base.GetRedirect())
	case base.GetDirectResponse() != nil:
		e.Status = int(base.GetDirectResponse().GetStatus()) //nolint:gosec // an HTTP status
	default:
		if err := a.rewrite(e, base.GetRewrite()); err != nil {
			return err
		}
		if len(a.row.Destinations) == 1 {
			operate(e.Request, a.row.Destinations[0].Headers.GetRequest())
			operate(e.Response, a.row.Destinations[0].Headers.GetResponse())
		}
		operate(e.Request, base.GetHeaders().GetRequest())
		if err := o.forward(e, a.of, a.row.Destinations); err != nil {
			return err
		}
		return o.patience(e, base)
	}
	return nil
}

// attemptHeader tells a workload which attempt of a request it sees.
const attemptHeader = "x-envoy-attempt-count"

// patience sets the outcome of a request to servers that are slow, or fail at first: the
// user's timeouts and retries.
func (o *Oracle) patience(e *Expectation, base *istioapi.HTTPRoute) error {
	for _, s := range e.Servers {
		l, err := o.World.Workload(o.World.server(s))
		if err != nil {
			return err
		}
		delay, failing := l.Env["DELAY"], l.Env["FAIL_FIRST"]
		if delay != "" {
			slow, err := time.ParseDuration(delay)
			if err != nil {
				return fmt.Errorf("read DELAY of %s: %w", l.Name, err)
			}
			e.AtLeast = slow
			if timeout := base.GetTimeout().AsDuration(); timeout > 0 && timeout < slow {
				e.Status, e.Servers, e.AtLeast = 504, nil, timeout
				return nil
			}
		}
		if failing != "" {
			first, err := strconv.Atoi(failing)
			if err != nil {
				return fmt.Errorf("read FAIL_FIRST of %s: %w", l.Name, err)
			}
			retries := 0 // what Istio retries by itself is not an answer of 503
			if base.GetRetries().GetRetryOn() == "5xx" {
				retries = int(base.GetRetries().GetAttempts())
			}
			if retries < first {
				e.Status = 503
			}
			e.Request[attemptHeader] = []string{fmt.Sprint(min(first, retries) + 1)}
		}
	}
	return nil
}

// operate applies a user's operations on headers. A nil value is a header that must be
// absent.
func operate(headers map[string][]string, operations *istioapi.Headers_HeaderOperations) {
	for _, name := range operations.GetRemove() {
		headers[strings.ToLower(name)] = nil
	}
	for name, value := range operations.GetSet() {
		headers[strings.ToLower(name)] = []string{value}
	}
	for name, value := range operations.GetAdd() {
		name = strings.ToLower(name)
		headers[name] = append(headers[name], value)
	}
}

// defaultRedirect is the default status of a redirect.
const defaultRedirect = 301

func (a *action) redirect(e *Expectation, r *istioapi.HTTPRedirect) error {
	e.Status = int(cmp.Or(r.GetRedirectCode(), defaultRedirect))
	path := a.of.Path
	switch uri := r.GetUri(); {
	case strings.HasPrefix(uri, "%"):
		return fmt.Errorf("row %s redirects in an unsupported way", a.row.Name)
	case uri != "":
		_, query, has := strings.Cut(path, "?")
		if path = uri; has && !strings.Contains(uri, "?") {
			path += "?" + query
		}
	}
	e.Location = cmp.Or(r.GetScheme(), "http") + "://" + cmp.Or(r.GetAuthority(), a.of.Host) + path
	return nil
}

func (a *action) rewrite(e *Expectation, r *istioapi.HTTPRewrite) error {
	if r == nil {
		return nil
	}
	e.Host = cmp.Or(r.GetAuthority(), e.Host)
	path, query, has := strings.Cut(e.Path, "?")
	switch {
	case r.GetUriRegexRewrite() != nil:
		re, err := regexp.Compile(r.GetUriRegexRewrite().GetMatch())
		if err != nil {
			return fmt.Errorf("read the rewrite of row %s: %w", a.row.Name, err)
		}
		// Envoy writes groups as \1.
		path = re.ReplaceAllString(path, strings.ReplaceAll(r.GetUriRegexRewrite().GetRewrite(), `\`, "$"))
	case r.GetUri() == "":
	case a.match == nil || a.match.URI == nil:
		return fmt.Errorf("row %s rewrites the path without matching it, which is not supported", a.row.Name)
	case a.match.URI.Op == route.Prefix:
		path = r.GetUri() + path[len(a.match.URI.Value):]
	case a.match.URI.Op == route.Exact:
		path = r.GetUri()
	default:
		return fmt.Errorf("row %s rewrites the match of a pattern, which is not supported", a.row.Name)
	}
	if e.Path = path; has {
		e.Path += "?" + query
	}
	return nil
}
