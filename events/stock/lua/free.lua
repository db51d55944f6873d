-- Put tickets back on sale that were sold. A repeat of the same return changes nothing.
-- KEYS: left, mark of this return   ARGV: epoch of the record in which it was written, milliseconds that
--   the mark lasts, then ticket type and quantity in turn
-- Answers DONE | READ: only the record knows what is left | COLD
local fields = {'generation', 'epoch'}
for i = 3, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end
local live = redis.call('HMGET', KEYS[1], unpack(fields))
if live[1] ~= GENERATION then return 'COLD' end
local epoch, written = tonumber(live[2]), tonumber(ARGV[1])
-- A newer stock was read from the record after the return was written; an older one is about to be
-- replaced by one that was read before.
if epoch > written then return 'DONE' end
if epoch < written then return 'READ' end
for i = 3, #fields do
  if not live[i] then return 'READ' end
end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[2]) then
  for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 'DONE'
