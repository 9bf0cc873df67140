-- A node comes, or comes back. ARGV: lease ms, info, interest ms, pause ms, a new store id, the store id that the node
-- knew or '', ms until all are heard of in a new store, the beat line.
local lease, info, kept, pause, fresh = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local known, calm, line = ARGV[8], tonumber(ARGV[9]), ARGV[10]

-- Others who listen, and a caller who was here before, mean that there is more to be heard than this one.
local others = redis.pcall('PUBSUB', 'CHANNELS', prefix .. 'node:*')
local many = known ~= '' or others.err ~= nil
for _, channel in ipairs(others) do
  many = many or channel ~= prefix .. 'node:' .. me
end
local store = redis.call('HGET', prefix .. 'store', 'id')
if not store then
  store = fresh
  if redis.call('HDEL', prefix .. 'store', 'ended') == 1 then
    -- All took their leave: this store was not lost, so nobody is about to come back to it.
    calm = 0
  end
  redis.call('HSET', prefix .. 'store', 'id', store, 'began', digits(now))
elseif known ~= '' and known ~= store then
  -- The caller's store was lost, and somebody who knew nothing of it came first.
  local facts = redis.call('HMGET', prefix .. 'store', 'began', 'settled')
  local settled = math.max(tonumber(facts[2] or 0), tonumber(facts[1] or now) + lease)
  redis.call('HSET', prefix .. 'store', 'settled', digits(settled))
end
local waiting = wake(pause, many and lease or calm)
redis.call('ZADD', prefix .. 'nodes', digits(now + lease), me)
redis.call('PEXPIRE', prefix .. 'nodes', DAY)
redis.call('SET', prefix .. 'info:' .. me, info, 'PX', lease)
redis.call('ZADD', prefix .. 'n:' .. me, digits(now), me)
redis.call('PEXPIRE', prefix .. 'n:' .. me, kept)
send(me, line)
-- Those who were alone until now told nobody anything.
for _, node in ipairs(redis.call('ZRANGE', prefix .. 'nodes', 0, -1)) do
  if node ~= me then
    send(node, line)
  end
end
return cjson.encode({ store = store, waiting = waiting })
