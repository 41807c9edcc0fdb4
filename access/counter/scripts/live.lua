-- What several scripts begin with: KEYS[1] holds how long, in milliseconds of this server's clock, each incarnation of a
-- gateway is alive. What others reserved counts as long as they are.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local alive = {}
local function live(incarnation)
  if alive[incarnation] == nil then
    local till = redis.call('ZSCORE', KEYS[1], incarnation)
    alive[incarnation] = till ~= false and tonumber(till) > now
  end
  return alive[incarnation]
end
