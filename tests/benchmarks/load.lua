-- The requests of load.py for wrk: of five requests one writes. Prints a line of JSON at the end.
local turn = 0

function request()
  turn = turn + 1
  local path = "/parents/" .. (turn * 7 % 100 + 1)
  if turn % 5 == 0 then
    local body = '{"name": "renamed", "title": "new ' .. turn .. '"}'
    return wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
  end
  return wrk.format("GET", path)
end

function done(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format(
    '{"requests": %d, "per_second": %f, "p50": %f, "p99": %f, "failed": %d}\n',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
