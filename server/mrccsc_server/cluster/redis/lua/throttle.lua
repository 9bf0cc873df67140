-- Rates and delays. ARGV: operations one after the other: t(ake) key interval tolerance (µs),
-- a(ttempt) key free delay delay_max (ms), f(orgive) key. Milliseconds to wait for each; 0 where it was let through.
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local waits = {}
local i = 3

local function take(key, interval, tolerance)
  local full_at = math.max(tonumber(redis.call('GET', key) or micros), micros)
  local wait = full_at + math.min(interval, tolerance) - tolerance - micros
  if wait > 0.5 then
    return math.max(1, math.floor(wait / 1000 + 0.5))
  end
  full_at = full_at + interval
  redis.call('SET', key, digits(full_at), 'PX', digits(math.ceil((full_at - micros) / 1000) + 1))
  return 0
end

local function attempt(key, free, delay, delay_max)
  local record = redis.call('HMGET', key, 'count', 'until', 'last')
  local count, open_at, last = tonumber(record[1] or 0), tonumber(record[2] or now), tonumber(record[3] or now)
  if open_at > now then
    return math.max(1, open_at - now)
  end
  count = math.max(0, count - math.floor((now - last) / delay_max)) + 1
  if count > free then
    open_at = now + math.min(delay_max, delay * 2 ^ math.min(count - free - 1, 32))
  end
  redis.call('HSET', key, 'count', digits(count), 'until', digits(open_at), 'last', digits(now))
  redis.call('PEXPIRE', key, digits(math.ceil(delay_max * (count + 1))))
  return 0
end

local function forgive(key)
  local count = tonumber(redis.call('HGET', key, 'count') or 0)
  if count > 1 then
    redis.call('HSET', key, 'count', digits(count - 1), 'until', digits(now))
  else
    redis.call('DEL', key)
  end
  return 0
end

while i <= #ARGV do
  local op, key = ARGV[i], prefix .. 't:' .. ARGV[i + 1]
  if op == 't' then
    waits[#waits + 1] = take(key, tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]))
    i = i + 4
  elseif op == 'a' then
    waits[#waits + 1] = attempt(key, tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]))
    i = i + 5
  else
    waits[#waits + 1] = forgive(key)
    i = i + 2
  end
end
return cjson.encode(waits)
