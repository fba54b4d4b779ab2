package edge

import (
	"fmt"
	"regexp"
	"strings"

	xdsv3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	skipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	inputv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// programFilter makes the changes of headers that have Lua patterns, in a filter in front of all
// others. Envoy evaluates each expression in CEL for every request, which costs an ordinary one more
// than all the rest of Overrides. A program in Lua costs it nothing, since it is skipped unless a
// header contains what the pattern needs, which Envoy compares itself.
//
// Envoy chooses a new route after a program has changed a header, so nothing routes by the old one.
const programFilter = "overrides.carriers"

// program returns the filter; nil if no change has Lua patterns.
func program(changes []mutation) (*matchingv3.ExtensionWithMatcher, error) {
	var source strings.Builder
	var needed []*xdsmatcherv3.Matcher_MatcherList_Predicate
	for i := range changes {
		if !changes[i].isProgram() {
			continue
		}
		predicates, err := changes[i].value[0].predicates()
		if err != nil {
			return nil, err
		}
		needed = append(needed, anyOrAll(predicates, true))
		source.WriteString(changes[i].statement())
	}
	if len(needed) == 0 {
		return nil, nil //nolint:nilnil // there is no filter
	}
	lua, err := anypb.New(&luav3.Lua{DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{
		InlineString: programBegin + source.String() + "end\n",
	}}})
	if err != nil {
		return nil, err
	}
	skip, err := anypb.New(&skipv3.SkipFilter{})
	if err != nil {
		return nil, err
	}
	return &matchingv3.ExtensionWithMatcher{
		ExtensionConfig: &corev3.TypedExtensionConfig{Name: programFilter, TypedConfig: lua},
		XdsMatcher: &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{
			Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{{
				Predicate: &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: anyOrAll(needed, false)}},
				OnMatch: &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
					Action: &xdsv3.TypedExtensionConfig{Name: "skip", TypedConfig: skip},
				}},
			}},
		}}},
	}, nil
}

// programBegin is the begin of each program. Envoy joins the lines of a header with commas.
const programBegin = `-- found returns what the first of some patterns finds in a header.
local function found(headers, name, ...)
  local text = "," .. (headers:get(name) or "") .. ","
  for _, pattern in ipairs({...}) do
    local part = text:match(pattern)
    if part then return part end
  end
end

function envoy_on_request(request)
  local headers = request:headers()
`

// statement returns the change in Lua.
func (m *mutation) statement() string {
	e := &m.value[0]
	find := "found(headers, " + quoted(e.header) + `, "` + strings.Join(e.lua, `", "`) + `")`
	if m.action == replace {
		return fmt.Sprintf("  if %s then\n    headers:remove(%q)\n    headers:add(%[2]q, %q)\n  end\n", find, m.header, e.made)
	}
	return fmt.Sprintf("  if not headers:get(%q) then\n    local part = %s\n    if part then headers:add(%[1]q, part) end\n  end\n", m.header, find)
}

// predicates are what a request must have so that e makes anything.
func (e *extraction) predicates() ([]*xdsmatcherv3.Matcher_MatcherList_Predicate, error) {
	var out []*xdsmatcherv3.Matcher_MatcherList_Predicate
	for _, text := range e.contains {
		input, err := anypb.New(&inputv3.HttpRequestHeaderMatchInput{HeaderName: e.header})
		if err != nil {
			return nil, err
		}
		out = append(out, &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
			SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
				Input: &xdsv3.TypedExtensionConfig{Name: e.header, TypedConfig: input},
				Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: &xdsmatcherv3.StringMatcher{
					MatchPattern: &xdsmatcherv3.StringMatcher_Contains{Contains: text},
				}},
			},
		}})
	}
	return out, nil
}

// anyOrAll joins predicates. Envoy takes a list of two or more.
func anyOrAll(list []*xdsmatcherv3.Matcher_MatcherList_Predicate, all bool) *xdsmatcherv3.Matcher_MatcherList_Predicate {
	if len(list) == 1 {
		return list[0]
	}
	predicates := &xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList{Predicate: list}
	if all {
		return &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_AndMatcher{AndMatcher: predicates}}
	}
	return &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{OrMatcher: predicates}}
}

// inLua returns text as a pattern of Lua that matches it alone.
func inLua(text string) string {
	return regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(text, "%$0")
}
