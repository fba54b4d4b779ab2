package carry

import (
	"fmt"
	"strings"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// received is the script for requests that come in: it removes what rides in them, and lets ride
// what they carry.
func received(carrier string, tokens bool) string {
	return script(carrier, tokens, common+receivedScript)
}

// made is the script for requests that go out: it takes out what rides in them.
func made(carrier string, tokens bool) string { return script(carrier, tokens, common+madeScript) }

// script fills in the names of headers. What rides is known by the names of headers, so these
// are the names of members of tracestate too. With tokens, nothing but the token may ride.
func script(carrier string, tokens bool, text string) string {
	token := grammar.TokenHeader(carrier)
	return strings.NewReplacer(
		"CARRIER", carrier, "TOKEN", token, "BAGGAGE", grammar.BaggageHeader, "MORE", edge.MoreSuffix,
		"OVERRIDES", fmt.Sprint(!tokens),
	).Replace(text)
}

// common is the part of both scripts. Limits are those of W3C Trace Context: 256 characters for the
// value of a member (§3.3.1.3.2), 32 members, and 512 characters that everybody passes on (§3.3.1.5).
const common = `local names = {"CARRIER", "TOKEN"}

-- cut takes out what rides in a request, and returns it by its name.
local function cut(headers)
  local found, id, state = {}, headers:get("x-request-id"), headers:get("tracestate")
  if id and id:find("~CARRIER", 1, true) then
    local rest = id
    for i = #names, 1, -1 do
      local first, last = rest:find("~" .. names[i] .. "~", 1, true)
      if first then
        found[names[i]] = rest:sub(last + 1)
        rest = rest:sub(1, first - 1)
      end
    end
    if rest == "" then
      headers:remove("x-request-id")
    elseif rest ~= id then
      headers:replace("x-request-id", rest)
    end
  end
  if state and state:find("CARRIER", 1, true) then
    local kept, members, own = {}, {}, false
    for member in state:gmatch("[^,]+") do
      local key, value = member:match("^[ \t]*([^= \t]*)[ \t]*=(.*)$")
      if key == names[1] or key == names[2] or key == names[1] .. "MORE" or key == names[2] .. "MORE" then
        members[key], own = value:match("^[ \t]*(.-)[ \t]*$"), true
      else
        kept[#kept + 1] = member
      end
    end
    if own and #kept == 0 then
      headers:remove("tracestate")
    elseif own then
      headers:replace("tracestate", table.concat(kept, ","))
    end
    for _, name in ipairs(names) do
      if not found[name] and members[name] then
        found[name] = members[name] .. (members[name .. "MORE"] or "")
      end
    end
  end
  return found
end

-- overridesIn returns the members of baggage that are overrides.
local function overridesIn(baggage)
  local list = {}
  if baggage and baggage:find("override", 1, true) then
    for member in baggage:gmatch("[^,]+") do
      local key, value = member:match("^[ \t]*(override[^= \t]*)[ \t]*=[ \t]*([^; \t]+)")
      if key == "override" or key and key:sub(1, 9) == "override." then
        list[#list + 1] = key .. "=" .. value
      end
    end
  end
  return list
end

local function isToken(text)
  return text ~= nil and text:find("^[%w_-]+%.[%w_-]+%.[%w_-]+$") ~= nil
end
`

// receivedScript writes "!" for "," and "+" for "=", which tracestate does not permit in a value, and which no
// override has.
const receivedScript = `
-- coded returns the overrides of a request as they ride; nil for none, and for what no override has.
local function coded(headers)
  local list = {}
  for member in (headers:get("CARRIER") or ""):gmatch("[^,]+") do
    member = member:gsub("[ \t]", "")
    if member ~= "" then
      list[#list + 1] = member
    end
  end
  for _, member in ipairs(overridesIn(headers:get("BAGGAGE"))) do
    list[#list + 1] = member
  end
  local text = table.concat(list, ",")
  if text:find("^[%w%.:;=,_*-]+$") then
    return (text:gsub(",", "!"):gsub("=", "+"))
  end
end

-- ride adds a value to what programs pass on. A value that does not fit is left out.
local function ride(headers, name, value)
  local id, state = headers:get("x-request-id"), headers:get("tracestate")
  if id and #id + #name + #value <= 2048 then
    headers:replace("x-request-id", id .. "~" .. name .. "~" .. value)
  end
  if not headers:get("traceparent") or #value > 512 then
    return
  end
  local text, members = name .. "=" .. value:sub(1, 256), 1
  if #value > 256 then
    text, members = text .. "," .. name .. "MORE=" .. value:sub(257), 2
  end
  if state then
    for _ in state:gmatch("[^,]+") do
      members = members + 1
    end
    text = text .. "," .. state
  end
  if members <= 32 and #text <= 512 then
    headers:replace("tracestate", text)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  cut(headers)
  local overrides, token = OVERRIDES and coded(headers), headers:get("TOKEN")
  if overrides then
    ride(headers, "CARRIER", overrides)
  end
  if isToken(token) then
    ride(headers, "TOKEN", token)
  end
end
`

// madeScript leaves carriers alone that the program has set.
const madeScript = `
-- decoded returns the overrides that ride, for the header and for baggage.
local function decoded(text)
  local members, baggage = {}, {}
  if text:find("^[%w%.:;_*!+-]+$") then
    for member in text:gmatch("[^!]+") do
      member = member:gsub("%+", "=")
      if member:find("^override[%w%._-]*=[^:]*$") then
        baggage[#baggage + 1] = member
      else
        members[#members + 1] = member
      end
    end
  end
  return members, baggage
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local found, changed = cut(headers), false
  if isToken(found["TOKEN"]) and not headers:get("TOKEN") then
    headers:add("TOKEN", found["TOKEN"])
    changed = true
  end
  if OVERRIDES and found["CARRIER"] then
    local members, baggage = decoded(found["CARRIER"])
    local present = headers:get("BAGGAGE")
    if #members > 0 and not headers:get("CARRIER") then
      headers:add("CARRIER", table.concat(members, ","))
      changed = true
    end
    if #baggage > 0 and #overridesIn(present) == 0 then
      headers:replace("BAGGAGE", (present and present .. "," or "") .. table.concat(baggage, ","))
      changed = true
    end
  end
  if changed then
    handle:clearRouteCache()
  end
end
`
