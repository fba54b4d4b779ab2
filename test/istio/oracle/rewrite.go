package oracle

import (
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// rewrite returns path as route forwards it (Envoy's RouteEntryImplBase,
// finalizePathHeader and its relatives).
func rewrite(route *routev3.Route, path string) string {
	action := route.GetRoute()
	if prefix := action.GetPrefixRewrite(); prefix != "" {
		return rewritePrefix(route.Match, path, prefix)
	}
	if regex := action.GetRegexRewrite(); regex != nil {
		bare, rest := cutPath(path)
		pattern, err := regexp.Compile(regex.GetPattern().GetRegex())
		if err != nil {
			return path
		}
		return pattern.ReplaceAllString(bare, substitution(regex.Substitution)) + rest
	}
	return path
}

// rewritePrefix replaces the part of path that match specifies by to: a prefix, or else
// everything except the query.
func rewritePrefix(match *routev3.RouteMatch, path, to string) string {
	bare, rest := cutPath(path)
	matched := bare
	switch want := match.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		matched = want.Prefix
	case *routev3.RouteMatch_PathSeparatedPrefix:
		matched = want.PathSeparatedPrefix
	}
	return to + bare[min(len(matched), len(bare)):] + rest
}

func cutPath(path string) (bare, rest string) {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

var groupReference = regexp.MustCompile(`\\\\|\\[0-9]`)

// substitution converts RE2's \1 to Go's ${1}.
func substitution(s string) string {
	return groupReference.ReplaceAllStringFunc(strings.ReplaceAll(s, "$", "$$"), func(reference string) string {
		if reference == `\\` {
			return `\`
		}
		return "${" + reference[1:] + "}"
	})
}
