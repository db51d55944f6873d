-- Return how many tickets of each type are left, and the other fields of the stock.
-- KEYS: left   Returns {WARM, field, value, …} | {COLD}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'generation' and fields[i + 1] == GENERATION then
    -- Do not use unpack: it fails for an event with 1,300 types or more.
    table.insert(fields, 1, 'WARM')
    return fields
  end
end
return {'COLD'}
