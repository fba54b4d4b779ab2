package access

import (
	"strings"

	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

const (
	olderFilter = "overrides.remove"
	// older matches the versions of Istio's proxies that [edge.Requires] excludes.
	older = `^1\.(?:0[0-9].*|(?:[0-9]|1[0-9]|2[0-5])(?:[^0-9].*)?)?$`
)

// removal removes overrides. Envoy chooses the route again after a script has changed headers.
const removal = `function envoy_on_request(handle)
  local headers, bare, member = handle:headers(), false, false
  for name, value in pairs(headers) do
    local list = "," .. value
    bare = bare or name == "CARRIER" or name == "IDENTITY"
    member = member or name == "BAGGAGE" and (list:find(",[ \t]*override%.") or list:find(",[ \t]*override[ \t]*=")) ~= nil
  end
  if bare then
    headers:remove("CARRIER")
    headers:remove("IDENTITY")
  end
  if member then
    headers:replace("BAGGAGE", "overrides=removed")
  end
end
`

// olderPatch returns the part of a filter for proxies that are too old to make overrides of tokens.
// They get none, and follow none: a script, which proxies of all versions have, removes them.
func olderPatch(carrier string, side istioapi.EnvoyFilter_PatchContext) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	script := strings.NewReplacer("CARRIER", carrier, "IDENTITY", grammar.TokenIDHeader(carrier), "BAGGAGE", grammar.BaggageHeader).Replace(removal)
	//nolint:staticcheck // proxies before Istio 1.16 do not have the field that replaces this one
	config := &luav3.Lua{InlineCode: script}
	patch, err := edge.HTTPFilter(side, olderFilter, config, "")
	if err != nil {
		return nil, err
	}
	patch.Match.Proxy.ProxyVersion = older
	return patch, nil
}
