-- Count one request against every limit, or against none if one of them refuses (GCRA).
-- A key holds the moment at which its limit will have forgotten all requests so far.
-- KEYS: one a limit   ARGV: requests and seconds of each limit in turn
-- Answers {1, the limit with the fewest left, how many, seconds until all are back}
--   | {0, the limit that refuses for longest, 0, seconds until it would not}
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
