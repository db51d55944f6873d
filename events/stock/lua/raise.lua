-- Raise the capacity of one ticket type, or add a type. A repeated or older version changes
-- nothing.
-- KEYS: left   ARGV: ticket type, capacity, version
-- Returns DONE | OLD | COLD
local found = redis.call(
  'HMGET', KEYS[1], 'generation', ARGV[1], 'capacity:' .. ARGV[1], 'version:' .. ARGV[1])
if found[1] ~= GENERATION then return 'COLD' end
if not found[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
elseif tonumber(found[4]) >= tonumber(ARGV[3]) then
  return 'OLD'
else
  redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2] - found[3])
end
redis.call('HSET', KEYS[1], 'capacity:' .. ARGV[1], ARGV[2], 'version:' .. ARGV[1], ARGV[3])
return 'DONE'
