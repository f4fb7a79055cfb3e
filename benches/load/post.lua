-- Script for wrk: posts the lines of a file in rotation and checks every response.
--
--   wrk … -s post.lua URL -- BODIES ENTRIES [HEADER VALUE]…
--
-- A response is right if it has at least ENTRIES offsets and no error. The last line of the output is JSON.

local threads, requests, at = {}, {}, 0
right, wrong, example, entries = 0, 0, "", 1

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  entries = tonumber(arguments[2])
  local headers = {}
  for i = 3, #arguments, 2 do
    headers[arguments[i]] = arguments[i + 1]
  end
  for body in io.lines(arguments[1]) do
    table.insert(requests, wrk.format("POST", nil, headers, body))
  end
  at = math.random(#requests)
end

function request()
  at = at % #requests + 1
  return requests[at]
end

-- Under the Lambda runtime the body is a JSON string, in which quotes are escaped; some programs print a space after
-- colons.
local function is_right(status, body)
  if status ~= 200 or body:find('error_code\\?": ?[1-9]') or body:find('"errorMessage"') then
    return false
  end
  if body:find('"statusCode"') and not body:find('"statusCode": ?200') then
    return false
  end
  local found, from = 0, 1
  while found < entries do
    local _, last = body:find('offset\\?": ?%d', from)
    if not last then
      return false
    end
    found, from = found + 1, last
  end
  return true
end

function response(status, _, body)
  if is_right(status, body) then
    right = right + 1
  else
    wrong, example = wrong + 1, status .. " " .. body:sub(1, 300)
  end
end

function done(summary, latency)
  local right, wrong, example = 0, 0, ""
  for _, thread in ipairs(threads) do
    right, wrong = right + thread:get("right"), wrong + thread:get("wrong")
    example = thread:get("example") ~= "" and thread:get("example") or example
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"right":%d,"wrong":%d,"failed":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"mean_us":%d,"max_us":%d,"example":"%s"}\n',
    right, wrong, errors.connect + errors.read + errors.write + errors.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.mean, latency.max,
    example:gsub("[%c\\\"]", function(c) return string.format("\\u%04x", c:byte()) end)
  ))
end
