-- Apply PostgreSQL's verdicts on holds. A missing hold is skipped, so a repeated call changes
-- nothing.
-- KEYS: left, holds, due   ARGV: order, verdict and milliseconds in turn
--   release: the tickets are free again   settle: PostgreSQL counts them as promised
--   retime: the hold becomes overdue in so many milliseconds
-- Returns {DONE, holds changed} | {COLD, 0}
if redis.call('HGET', KEYS[1], 'generation') ~= GENERATION then return {'COLD', 0} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local changed = 0
for i = 1, #ARGV, 3 do
  local items = redis.call('HGET', KEYS[2], ARGV[i])
  if items then
    changed = changed + 1
    if ARGV[i + 1] == 'retime' then
      redis.call('ZADD', KEYS[3], now + ARGV[i + 2], ARGV[i])
    else
      if ARGV[i + 1] == 'release' then
        for ticket_type, quantity in string.gmatch(items, '(%S+)=(%d+)') do
          redis.call('HINCRBY', KEYS[1], ticket_type, quantity)
        end
      end
      redis.call('HDEL', KEYS[2], ARGV[i])
      redis.call('ZREM', KEYS[3], ARGV[i])
    end
  end
end
return {'DONE', changed}
