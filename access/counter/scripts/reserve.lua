-- Takes every charge or none, or only looks.
-- KEYS: heartbeats, the counters that this incarnation holds something of, then the counters.
-- ARGV: take or read, the incarnation, the grace of keys in ms, then for each counter: limit, amount, oldest slot, expiry in
-- ms (0 = never), flags (1 = concurrent, 2 = durable, 4 = spill).
-- Returns 0 = taken, 1 = refused, 2 = durable counters have to be read from the store first, 3 = the incarnation is dead;
-- for 0 and 1 the refused index and used and reserved of each counter, for 2 the indices.
local take, me, grace = ARGV[1] == 'take', ARGV[2], tonumber(ARGV[3])
if take and not live(me) then
  return {3}
end

local used, reserved, missing = {}, {}, {2}
for i = 1, #KEYS - 2 do
  local key, a = KEYS[i + 2], 5 * i - 1
  local oldest, flags = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 4])
  local concurrent, found = flags % 2 == 1, flags % 4 < 2
  local fields = redis.call('HGETALL', key)
  local u, r = 0, 0
  for f = 1, #fields, 2 do
    local name = fields[f]
    local kind, rest = string.byte(name), string.sub(name, 2)
    if kind == 115 then -- s and when a slot began
      local slot = tonumber(rest)
      if slot == 0 or slot >= oldest then
        if not concurrent then
          u = u + tonumber(fields[f + 1])
        end
      elseif take then
        redis.call('HDEL', key, name)
      end
    elseif kind == 114 then -- r and who reserved
      if live(rest) then
        r = r + tonumber(fields[f + 1])
      elseif take then
        redis.call('HDEL', key, name)
      end
    elseif name == 'i' then -- durable and read from the store
      found = true
    end
  end
  used[i], reserved[i] = u, r
  if not found then
    missing[#missing + 1] = i - 1
  end
end
if #missing > 1 then
  return missing
end

local refused, taken = -1, {}
if take then
  for i = 1, #KEYS - 2 do
    local key, a = KEYS[i + 2], 5 * i - 1
    local limit, amount = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
    local before = reserved[i] + (taken[key] or 0)
    local spill = tonumber(ARGV[a + 4]) >= 4 and used[i] < limit and before == 0
    if not spill and used[i] + before + amount > limit then
      refused = i - 1
      break
    end
    taken[key] = (taken[key] or 0) + amount
  end
end

local answer, held = {refused >= 0 and 1 or 0, refused}, {}
for i = 1, #KEYS - 2 do
  local key, a = KEYS[i + 2], 5 * i - 1
  if take and refused < 0 then
    local amount, expires = ARGV[a + 1], tonumber(ARGV[a + 3])
    if amount ~= '0' then
      -- A field that was not there before: the cleaner has to know of it.
      if redis.call('HINCRBY', key, 'r' .. me, amount) == tonumber(amount) then
        redis.call('SADD', KEYS[2], key)
        if expires == 0 then
          redis.call('PERSIST', key) -- in case its window was another
        end
      end
      held[key] = (held[key] or 0) + tonumber(amount)
      reserved[i] = reserved[i] + held[key]
    end
    if expires > 0 then
      redis.call('PEXPIREAT', key, string.format('%.0f', math.max(expires, now + grace)))
    end
  end
  -- Numbers stop below the largest that a reply can carry.
  answer[2 * i + 1] = math.min(used[i], 9.2e18)
  answer[2 * i + 2] = math.min(reserved[i], 9.2e18)
end
return answer
