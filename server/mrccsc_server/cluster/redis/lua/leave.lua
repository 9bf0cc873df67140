-- A node goes. ARGV: ms until its remaining users count as gone, the line that tells the others.
local grace, line = tonumber(ARGV[3]), ARGV[4]

redis.call('DEL', prefix .. 'info:' .. me, prefix .. 'n:' .. me, prefix .. 'sent:' .. me)
if redis.call('EXISTS', prefix .. 'users:' .. me) == 1 then
  -- They may be on their way to another node; those who do not arrive there are told of by whoever buries this one.
  redis.call('ZADD', prefix .. 'nodes', digits(now + grace), me)
else
  redis.call('ZREM', prefix .. 'nodes', me)
end
local others = 0
for _, node in ipairs(live()) do
  if node ~= me then
    others = others + 1
    send(node, line)
  end
end
if others == 0 then
  -- The last one: whoever comes next begins anew, and waits for nobody.
  redis.call('DEL', prefix .. 'store')
  redis.call('HSET', prefix .. 'store', 'ended', digits(now))
  redis.call('PEXPIRE', prefix .. 'store', DAY)
end
return 1
