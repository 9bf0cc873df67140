-- Interest comes and goes. ARGV: ms that it is kept unless renewed, how many begin, the keys that begin, those that end.
local kept, begin = tonumber(ARGV[3]), tonumber(ARGV[4])

for i = 5, 4 + begin do
  local key = prefix .. ARGV[i]
  redis.call('ZADD', key, digits(now), me)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', digits(now - kept))
  redis.call('PEXPIRE', key, kept)
end
for i = 5 + begin, #ARGV do
  redis.call('ZREM', prefix .. ARGV[i], me)
end
return 1
