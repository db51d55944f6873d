-- Hold every item for one order, or none. A repeated call for the same order changes nothing.
-- KEYS: left, holds, due   ARGV: order, milliseconds, then ticket type and quantity in turn
-- Returns {HELD, epoch} | {COLD, epoch} | {UNKNOWN, epoch, type}
--   | {SOLD_OUT, epoch, type, left, overdue holds, revision of the event}
local fields = {'generation', 'epoch', 'revision'}
for i = 3, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end
local found = redis.call('HMGET', KEYS[1], unpack(fields))
local epoch = found[2] or '-1'
if found[1] ~= GENERATION then return {'COLD', epoch} end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return {'HELD', epoch} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #ARGV, 2 do
  local left = found[(i + 5) / 2]
  if not left then return {'UNKNOWN', epoch, ARGV[i]} end
  if tonumber(left) < tonumber(ARGV[i + 1]) then
    local overdue = redis.call('ZCOUNT', KEYS[3], '-inf', now)
    return {'SOLD_OUT', epoch, ARGV[i], left, overdue, found[3] or '0'}
  end
end

local items = {}
for i = 3, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], -ARGV[i + 1])
  items[#items + 1] = ARGV[i] .. '=' .. ARGV[i + 1]
end
redis.call('HSET', KEYS[2], ARGV[1], table.concat(items, ' '))
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
return {'HELD', epoch}
