-- Hints to those who follow. ARGV: the call's number, then for each hint its keys (parted by spaces) and its line.
-- A call that comes again after its answer was lost does nothing. The number of bundles sent.
local number, counter = ARGV[3], prefix .. 'sent:' .. me
if tonumber(number) <= tonumber(redis.call('GET', counter) or 0) then
  return 0
end
redis.call('SET', counter, number, 'PX', DAY)

local call, interest, bundles, last = redis.call, {}, {}, {}

-- A hint for those who follow a key, each once however many of its keys they follow.
local function put(key, i, line)
  local followers = interest[key]
  if not followers then
    followers = call('ZRANGE', prefix .. key, '0', '-1')
    interest[key] = followers
  end
  for k = 1, #followers do
    local node = followers[k]
    if node ~= me and last[node] ~= i then
      local bundle = bundles[node]
      if not bundle then
        bundle = {}
        bundles[node] = bundle
      end
      bundle[#bundle + 1] = line
      last[node] = i
    end
  end
end

for i = 4, #ARGV, 2 do
  local keys, line = ARGV[i], ARGV[i + 1]
  if string.find(keys, ' ', 1, true) then
    for key in string.gmatch(keys, '%S+') do
      put(key, i, line)
    end
  else
    put(keys, i, line)
  end
end

local sent = 0
for node, bundle in pairs(bundles) do
  if send(node, table.concat(bundle, '\n')) > 0 then
    sent = sent + 1
  else
    -- Nobody hears: the node is gone, or will follow everything anew when it is back.
    for key, followers in pairs(interest) do
      for _, follower in ipairs(followers) do
        if follower == node then
          redis.call('ZREM', prefix .. key, node)
        end
      end
    end
  end
end
return sent
