-- Begins an incarnation with everything that its gateway holds, and ends the earlier ones.
-- KEYS: heartbeats, the counters that the incarnation holds something of, then the counters.
-- ARGV: the gateway, the number of the incarnation, how long it lives in ms, then an amount for each counter.
-- Returns 1, or 0 where a later one has begun, and the time in microseconds.
local time = clock[1] * 1000000 + tonumber(clock[2])
local prefix, number = ARGV[1] .. '.', tonumber(ARGV[2])
local me = prefix .. ARGV[2]
local earlier = {}
for _, incarnation in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(incarnation, 1, #prefix) == prefix then
    if tonumber(string.sub(incarnation, #prefix + 1)) >= number then
      return {0, time}
    end
    earlier[#earlier + 1] = incarnation
  end
end
for _, incarnation in ipairs(earlier) do
  redis.call('ZADD', KEYS[1], 0, incarnation)
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), me)
for i = 3, #KEYS do
  redis.call('HSET', KEYS[i], 'r' .. me, ARGV[i + 1])
  redis.call('SADD', KEYS[2], KEYS[i])
end
return {1, time}
