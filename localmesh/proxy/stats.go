package proxy

import (
	"strings"

	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// statsMatcher keeps the statistics that Istio keeps, and those that the user requests in
// the proxy configuration or by annotation: all of Envoy's statistics are megabytes.
func statsMatcher(o Options) (*metricsv3.StatsMatcher, error) {
	config, err := proxyConfig(o.Env)
	if err != nil {
		return nil, err
	}
	matcher, _ := config["proxyStatsMatcher"].(map[string]any)
	wanted := func(field, annotation string) []string {
		if text := o.Annotations["sidecar.istio.io/"+annotation]; text != "" {
			return strings.Split(text, ",")
		}
		var out []string
		list, _ := matcher[field].([]any)
		for _, value := range list {
			if text, ok := value.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	var patterns []*matcherv3.StringMatcher
	for _, text := range append(wanted("inclusionPrefixes", "statsInclusionPrefixes"),
		"cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "cluster.sds-grpc", "reporter=", "component", "istio") {
		patterns = append(patterns, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: text}})
	}
	for _, text := range append(wanted("inclusionSuffixes", "statsInclusionSuffixes"),
		"rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied", "downstream_cx_active") {
		patterns = append(patterns, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: text}})
	}
	for _, text := range append(wanted("inclusionRegexps", "statsInclusionRegexps"), `vhost\..*\.route\..*`) {
		patterns = append(patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: text}},
		})
	}
	return &metricsv3.StatsMatcher{StatsMatcher: &metricsv3.StatsMatcher_InclusionList{
		InclusionList: &matcherv3.ListStringMatcher{Patterns: patterns},
	}}, nil
}

func stats(matcher *metricsv3.StatsMatcher) *metricsv3.StatsConfig {
	return &metricsv3.StatsConfig{UseAllDefaultTags: wrapperspb.Bool(false), StatsMatcher: matcher}
}
