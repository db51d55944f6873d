-- Count one request against each limit, or against none if one of them refuses (GCRA).
-- The value of a key is the time in microseconds at which all requests of its limit are available
-- again.
-- KEYS: one for each limit   ARGV: count and seconds of each limit, one limit after the other
-- Returns {1, index of the limit with the fewest requests left, how many are left,
--          seconds until all are available again}
--   or {0, index of the limit that refuses for longest, 0, seconds until it no longer refuses}
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ends = {}
local tightest, fewest
local refusing, longest = nil, 0
for i, key in ipairs(KEYS) do
  local window = ARGV[2 * i] * 1000000
  local share = math.floor(window / ARGV[2 * i - 1])
  local stored = tonumber(redis.call('GET', key) or now)
  ends[i] = math.max(stored, now) + share
  local room = now + window - ends[i]
  if -room > longest then refusing, longest = i, -room end
  local left = math.floor(room / share)
  if not fewest or left < fewest then tightest, fewest = i, left end
end
if refusing then return {0, refusing, 0, math.ceil(longest / 1000000)} end

for i, key in ipairs(KEYS) do
  local milliseconds = math.ceil((ends[i] - now) / 1000)
  redis.call('SET', key, string.format('%.0f', ends[i]), 'PX', milliseconds)
end
return {1, tightest, fewest, math.ceil((ends[tightest] - now) / 1000000)}
