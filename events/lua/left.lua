-- What is left of each type.
-- KEYS: left   Answers {WARM, field, value, …} | {COLD}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'generation' and fields[i + 1] == GENERATION then
    return {'WARM', unpack(fields)}
  end
end
return {'COLD'}
