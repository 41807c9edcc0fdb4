-- Keeps an incarnation alive. KEYS: heartbeats. ARGV: the incarnation, how long it lives in ms.
-- Returns 1 if it was alive, the time in microseconds, and some of the dead.
local mine = live(ARGV[1])
if mine then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
end
local answer = {mine and 1 or 0, clock[1] * 1000000 + tonumber(clock[2])}
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16)) do
  answer[#answer + 1] = dead
end
return answer
