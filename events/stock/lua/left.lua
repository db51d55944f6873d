-- What is left of each type.
-- KEYS: left   Answers {WARM, field, value, …} | {COLD}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'generation' and fields[i + 1] == GENERATION then
    -- Not unpack: it cannot return as many values as an event with 1,300 types has.
    table.insert(fields, 1, 'WARM')
    return fields
  end
end
return {'COLD'}
