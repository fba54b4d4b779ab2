package compiletest

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	istioapi "istio.io/api/networking/v1alpha3"
)

// keep adds up to three features to a route, of which none may be lost.
func (d *draw) keep(r *istioapi.HTTPRoute) {
	forwards := len(r.Route) > 0
	for _, feature := range some(d, "features", 0, 3, "timeout", "retries", "rewrite", "headers", "destination headers", "delay", "abort", "cors", "redirect", "response") {
		switch {
		case feature == "timeout":
			r.Timeout = durationpb.New(pick(d, "timeout", time.Second, 1500*time.Millisecond, 2*time.Hour))
		case feature == "retries":
			r.Retries = d.retries()
		case feature == "headers":
			r.Headers = d.headers()
		case feature == "cors":
			r.CorsPolicy = &istioapi.CorsPolicy{
				AllowOrigins: []*istioapi.StringMatch{exact("https://shop.example.com"), regex("https://.*")},
				AllowMethods: []string{"GET"}, AllowHeaders: []string{"x-user"}, ExposeHeaders: []string{"x-served"},
				MaxAge: durationpb.New(time.Minute), AllowCredentials: wrapperspb.Bool(true),
			}
		case feature == "redirect" && r.Redirect != nil:
			r.Redirect = pick(d, "redirect", &istioapi.HTTPRedirect{Authority: "www.example.com", RedirectCode: 308},
				&istioapi.HTTPRedirect{Scheme: "https", RedirectPort: &istioapi.HTTPRedirect_Port{Port: 8443}})
		case feature == "response" && r.DirectResponse != nil:
			r.DirectResponse.Body = &istioapi.HTTPBody{Specifier: &istioapi.HTTPBody_String_{String_: "closed"}}
		case !forwards:
		case feature == "rewrite":
			r.Rewrite = pick(d, "rewrite", &istioapi.HTTPRewrite{Uri: "/new"}, &istioapi.HTTPRewrite{Authority: "www.example.com"},
				&istioapi.HTTPRewrite{UriRegexRewrite: &istioapi.RegexRewrite{Match: "/api/(.*)", Rewrite: `/\1`}})
		case feature == "destination headers":
			r.Route[0].Headers = d.headers()
		case feature == "delay" || feature == "abort":
			d.fault(r, feature)
		}
	}
}

func (d *draw) retries() *istioapi.HTTPRetry {
	return pick(d, "retries", &istioapi.HTTPRetry{Attempts: 0}, &istioapi.HTTPRetry{Attempts: 3, PerTryTimeout: durationpb.New(time.Second), RetryOn: "5xx,reset"},
		&istioapi.HTTPRetry{Attempts: 2, RetryOn: "503,connect-failure", RetryRemoteLocalities: wrapperspb.Bool(true)})
}

func (d *draw) headers() *istioapi.Headers {
	return pick(d, "headers",
		&istioapi.Headers{Request: &istioapi.Headers_HeaderOperations{Add: map[string]string{"x-from": "%DOWNSTREAM_REMOTE_ADDRESS%"}, Remove: []string{"x-blocked"}}},
		&istioapi.Headers{Response: &istioapi.Headers_HeaderOperations{Set: map[string]string{"x-served": "here"}, Remove: []string{"server"}}},
		&istioapi.Headers{Request: &istioapi.Headers_HeaderOperations{Add: map[string]string{"baggage": "x-canary=true"}}})
}

func (d *draw) fault(r *istioapi.HTTPRoute, kind string) {
	if r.Fault == nil {
		r.Fault = &istioapi.HTTPFaultInjection{}
	}
	if kind == "delay" {
		r.Fault.Delay = &istioapi.HTTPFaultInjection_Delay{
			HttpDelayType: &istioapi.HTTPFaultInjection_Delay_FixedDelay{FixedDelay: durationpb.New(time.Second)},
			Percentage:    &istioapi.Percent{Value: 5},
		}
		return
	}
	r.Fault.Abort = &istioapi.HTTPFaultInjection_Abort{
		ErrorType: &istioapi.HTTPFaultInjection_Abort_HttpStatus{HttpStatus: 500}, Percentage: &istioapi.Percent{Value: 100},
	}
}
