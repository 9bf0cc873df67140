-- Some users of a node whose lease has lapsed. ARGV: its incarnation, how many at most.
-- Whoever takes them tells of those who are nowhere now; what is left is for the next call, by any node.
local node, most = ARGV[3], tonumber(ARGV[4])
local lapsed = {}
local lease = redis.call('ZSCORE', prefix .. 'nodes', node)
if not lease or alive(node) then
  return cjson.encode({ more = false })
end
local users = redis.call('SPOP', prefix .. 'users:' .. node, most)
for _, user in ipairs(users) do
  -- The dead lend no presence any more, so what is to be found out is whether the user was seen only through this one.
  local status = redis.call('HGET', prefix .. 'p:' .. user, 's')
  local gone = redis.call('HDEL', prefix .. 'p:' .. user, '@' .. node) == 1
  if gone and status ~= 'invisible' and look(user) == 'offline' then
    redis.call('HSET', prefix .. 'p:' .. user, 'l', digits(math.min(now, tonumber(lease))))
    lapsed[#lapsed + 1] = user
  end
end
if #users < most then
  redis.call('ZREM', prefix .. 'nodes', node)
  redis.call('DEL', prefix .. 'n:' .. node, prefix .. 'sent:' .. node)
end
return cjson.encode({ more = #users == most, lapsed = #lapsed > 0 and lapsed or nil })
