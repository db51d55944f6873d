-- Write the event's new revision, which readers compare with their cached copy. An older one
-- changes nothing.
-- KEYS: left   ARGV: revision   Returns DONE | COLD
local found = redis.call('HMGET', KEYS[1], 'generation', 'revision')
if found[1] ~= GENERATION then return 'COLD' end
if tonumber(found[2] or 0) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'revision', ARGV[1])
end
return 'DONE'
