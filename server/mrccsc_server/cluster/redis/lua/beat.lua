-- A node lives. ARGV: lease ms, info, interest ms, pause ms, the store id that the node knows, the beat line.
local lease, info, kept, pause = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local known, line = ARGV[7], ARGV[8]

-- The beat takes the route of a hint, so that interest that is gone shows.
local followers = redis.call('ZRANGE', prefix .. 'n:' .. me, 0, -1)
if #followers == 0 or not alive(me) or redis.call('HGET', prefix .. 'store', 'id') ~= known then
  return cjson.encode({ lost = true })
end
local settled = wake(pause, lease) == 0
redis.call('ZADD', prefix .. 'nodes', 'XX', digits(now + lease), me)
redis.call('SET', prefix .. 'info:' .. me, info, 'PX', lease)
redis.call('ZADD', prefix .. 'n:' .. me, digits(now), me)
redis.call('PEXPIRE', prefix .. 'n:' .. me, kept)
redis.call('PEXPIRE', prefix .. 'nodes', DAY)
redis.call('PEXPIRE', prefix .. 'users:' .. me, DAY)
for _, node in ipairs(followers) do
  send(node, line)
end
return cjson.encode({
  lost = false,
  settled = settled,
  live = infos(live()),
  dead = settled and redis.call('ZRANGEBYSCORE', prefix .. 'nodes', '-inf', digits(now)) or nil,
})
