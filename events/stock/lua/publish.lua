-- Replace the live stock by a staged rebuild, in one step.
-- KEYS: left, holds, due, then the staged copy of each
-- ARGV: epoch, then how many fields, holds and deadlines were staged
-- Returns PUBLISHED | STALE: the live stock has the same or a newer epoch | LOST: staged keys are missing
-- pcall, because call would fail on a live key of a wrong type, which must be replaced too.
local live = redis.pcall('HMGET', KEYS[1], 'generation', 'epoch')
local sizes = {redis.call('HLEN', KEYS[4]), redis.call('HLEN', KEYS[5]), redis.call('ZCARD', KEYS[6])}
local lost = false
for i = 1, 3 do lost = lost or sizes[i] ~= tonumber(ARGV[i + 1]) end
local stale = live[1] == GENERATION and tonumber(live[2]) >= tonumber(ARGV[1])
if lost or stale then
  redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[6])
  return stale and 'STALE' or 'LOST'
end
for i = 1, 3 do
  redis.call('UNLINK', KEYS[i])
  if sizes[i] > 0 then
    redis.call('RENAME', KEYS[i + 3], KEYS[i])
    redis.call('PERSIST', KEYS[i])
  end
end
redis.call('HSET', KEYS[1], 'generation', GENERATION, 'epoch', ARGV[1])
return 'PUBLISHED'
