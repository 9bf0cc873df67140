-- Who is here. ARGV: operations one after the other: a(rrive) user status text chosen, r(eturn) user status text chosen,
-- which tells of a change only when this node was taken for dead meanwhile, d(epart) user, c(hoose) user status text chosen,
-- o(f) count users…. A result for each: whether the user is seen differently; for o a list with what is seen of each user,
-- or false while that is unknown.
local users = prefix .. 'users:' .. me
local settled = redis.call('HGET', prefix .. 'store', 'settled')
settled = settled ~= false and tonumber(settled) <= now
local results = {}
local i = 3

-- A choice that is made now holds. Of those that nodes remember, the latest one does.
local function choose(key, status, text, chosen)
  local before = tonumber(redis.call('HGET', key, 'v') or -1)
  if chosen >= before or before > now then
    redis.call('HSET', key, 's', status, 't', text, 'v', digits(chosen))
  end
end

while i <= #ARGV do
  local op, user = ARGV[i], ARGV[i + 1]
  local result
  i = i + 2
  if op == 'o' then
    local count = tonumber(user)
    result = {}
    for k = i, i + count - 1 do
      local status, text, seen = look(ARGV[k])
      result[#result + 1] = (settled or status ~= 'offline') and { status, text, seen }
    end
    i = i + count
  elseif op == 'd' then
    result = change(user, now, function(key)
      redis.call('HDEL', key, '@' .. me)
    end)
    redis.call('SREM', users, user)
  else
    local status, text, chosen = ARGV[i], ARGV[i + 1], op == 'r' and tonumber(ARGV[i + 2]) or now
    local known = true
    i = i + 3
    result = change(user, now, function(key)
      choose(key, status, text, chosen)
      if op ~= 'c' then
        known = redis.call('HSET', key, '@' .. me, '1') == 0
      end
    end)
    if op ~= 'c' then
      redis.call('SADD', users, user)
    end
    if op == 'r' then
      result = result and not known
    end
  end
  results[#results + 1] = result
end
if redis.call('PTTL', users) == -1 then
  redis.call('PEXPIRE', users, DAY)
end
return cjson.encode({ now = now, settled = settled, results = results })
