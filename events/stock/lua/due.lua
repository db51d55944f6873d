-- Return some overdue holds, and lease them so that no other worker gets them for a while.
-- KEYS: left, holds, due   ARGV: how many at most, milliseconds of the lease
-- Returns {DONE, order, …} | {COLD}
if redis.call('HGET', KEYS[1], 'generation') ~= GENERATION then return {'COLD'} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local orders = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1])
for i = 1, #orders do redis.call('ZADD', KEYS[3], now + ARGV[2], orders[i]) end
return {'DONE', unpack(orders)}
