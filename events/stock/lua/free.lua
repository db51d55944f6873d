-- Add returned tickets to the stock. A repeated call for the same return changes nothing.
-- KEYS: left, mark of this return
-- ARGV: epoch in which PostgreSQL counted the return, milliseconds until the mark expires, then ticket
--   type and quantity in turn
-- Returns DONE | READ: the caller must rebuild the stock from PostgreSQL | COLD
local fields = {'generation', 'epoch'}
for i = 3, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end
local live = redis.call('HMGET', KEYS[1], unpack(fields))
if live[1] ~= GENERATION then return 'COLD' end
local epoch, written = tonumber(live[2]), tonumber(ARGV[1])
-- A newer epoch: this stock was read from PostgreSQL after the return, and so has it already.
-- An older epoch: another rebuild has begun. It may have read PostgreSQL before the return.
if epoch > written then return 'DONE' end
if epoch < written then return 'READ' end
for i = 3, #fields do
  if not live[i] then return 'READ' end
end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[2]) then
  for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 'DONE'
