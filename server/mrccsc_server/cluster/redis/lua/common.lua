-- What every script begins with. ARGV[1] is the prefix of all keys and channels, ARGV[2] the caller's incarnation.
local prefix, me = ARGV[1], ARGV[2]
local DAY = 86400000

-- Milliseconds since 1970 by the clock of Redis: the only one that leases know.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Numbers as text without the loss that Lua's own conversion has above 14 digits.
local function digits(number)
  return string.format('%.0f', number)
end

local now = clock()
local leases = {}

local function alive(node)
  local known = leases[node]
  if known == nil then
    local lease = redis.call('ZSCORE', prefix .. 'nodes', node)
    known = lease ~= false and tonumber(lease) > now
    leases[node] = known
  end
  return known
end

local function live()
  return redis.call('ZRANGEBYSCORE', prefix .. 'nodes', '(' .. digits(now), '+inf')
end

local function infos(nodes)
  local found = {}
  for _, node in ipairs(nodes) do
    local info = redis.call('GET', prefix .. 'info:' .. node)
    if info then
      found[#found + 1] = info
    end
  end
  return found
end

local function send(node, line)
  return redis.call('PUBLISH', prefix .. 'node:' .. node, line)
end

-- Notes that a node is heard. When none was for a while, the store itself may have been away (stopped, cut off): then
-- lapsed leases say nothing until those who live had time to speak again. The milliseconds until then.
local function wake(pause, time)
  local key = prefix .. 'store'
  local store = redis.call('HMGET', key, 'beat', 'settled')
  local settled = tonumber(store[2] or 0)
  if not store[1] or now - tonumber(store[1]) > pause then
    settled = math.max(settled, now + time)
  end
  redis.call('HSET', key, 'beat', digits(now), 'settled', digits(settled))
  redis.call('PEXPIRE', key, DAY)
  return math.max(0, settled - now)
end
