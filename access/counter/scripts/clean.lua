-- Forgets what a dead incarnation reserved. KEYS: heartbeats, the counters that it holds something of, then some of these.
-- ARGV: the incarnation, and "end" where it is to die now.
-- Returns how many counters are left, -1 where it is alive.
if ARGV[2] == 'end' then
  redis.call('ZADD', KEYS[1], 0, ARGV[1])
elseif live(ARGV[1]) then
  return -1
end
for i = 3, #KEYS do
  redis.call('HDEL', KEYS[i], 'r' .. ARGV[1])
  redis.call('SREM', KEYS[2], KEYS[i])
end
local left = redis.call('SCARD', KEYS[2])
if left == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return left
