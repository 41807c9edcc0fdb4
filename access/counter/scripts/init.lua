-- Fills a durable counter with what the store knows, unless another gateway did.
-- KEYS: the counter. ARGV: when the store was read (ms), the grace of keys in ms, expiry in ms (0 = never), then slots and
-- amounts.
if redis.call('HEXISTS', KEYS[1], 'i') == 1 then
  return 0
end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.byte(name) == 115 then
    redis.call('HDEL', KEYS[1], name)
  end
end
redis.call('HSET', KEYS[1], 'i', ARGV[1])
for i = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 's' .. ARGV[i], ARGV[i + 1])
end
local clock = redis.call('TIME')
local expires = tonumber(ARGV[3])
if expires > 0 then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.max(expires, clock[1] * 1000 + tonumber(ARGV[2]))))
end
return 1
