-- Counts what calls have used and gives back what they reserved, once for each number of a batch.
-- KEYS: heartbeats, the number of the last batch of this gateway, the counters that its incarnation holds something of, then
-- the counters.
-- ARGV: number of the batch, incarnation, the grace of keys in ms, the lag of the store in ms, then for each counter: slot,
-- old amount, recent amount, since when it is recent (ms), durable (1 or 0), expiry in ms (0 = never), what is given back.
-- Returns the indices of durable counters that have to be read from the store first; their amounts are not counted.
local last = redis.call('GET', KEYS[2])
if last then
  local number, rest = string.match(last, '^(%d+)(.*)$')
  if tonumber(number) >= tonumber(ARGV[1]) then -- the answer was lost, or this is an old copy
    local missing = {}
    for i in string.gmatch(rest, '%d+') do
      missing[#missing + 1] = tonumber(i)
    end
    return missing
  end
end

local mine, grace, lag = 'r' .. ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local missing = {}

-- A key that is no counter, because somebody else uses its name, must not keep the others from being counted.
local function get(key, field)
  local value = redis.pcall('HGET', key, field)
  return type(value) == 'string' and value
end

local function count(key, field, amount)
  if amount == '0' then
    return
  end
  local sum = redis.pcall('HINCRBY', key, field, amount)
  if type(sum) == 'table' and sum.err and string.find(sum.err, 'overflow') then
    redis.call('HSET', key, field, '9223372036854775807')
  end
end

for i = 1, #KEYS - 3 do
  local key, a = KEYS[i + 3], 7 * i - 2
  local field, old, recent, since = 's' .. ARGV[a], ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 3])
  local expires, back = tonumber(ARGV[a + 5]), ARGV[a + 6]
  local countOld, countRecent = true, true
  if old == '0' and recent == '0' or expires > 0 and expires <= now then
    countOld, countRecent = false, false
  elseif ARGV[a + 4] == '1' then
    local read = get(key, 'i') -- when it was read from the store, in ms
    if read then
      countOld, countRecent = since > tonumber(read), since >= tonumber(read) - 2 * lag
    else
      missing[#missing + 1] = i - 1
      countOld, countRecent = false, false
    end
  end
  if countOld then
    count(key, field, old)
  end
  if countRecent then
    count(key, field, recent)
  end
  local held = get(key, mine)
  if string.sub(back, 1, 1) == '-' then -- reserved in an earlier incarnation: taken over
    if live(ARGV[2]) and redis.pcall('HINCRBY', key, mine, string.sub(back, 2)) == -tonumber(back) then
      redis.call('SADD', KEYS[3], key)
    end
  elseif back ~= '0' and held then
    if redis.call('HINCRBY', key, mine, '-' .. back) <= 0 then
      redis.call('HDEL', key, mine)
      redis.call('SREM', KEYS[3], key)
    end
  end
  -- A key that this made; one that was there keeps its time, which is not earlier.
  if expires > 0 and redis.call('PTTL', key) == -1 and (countOld or countRecent) then
    redis.call('PEXPIREAT', key, string.format('%.0f', math.max(expires, now + grace)))
  end
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. table.concat(missing, ' '), 'EX', 86400)
return missing
