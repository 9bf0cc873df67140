-- How users are seen: a hash each, with the status (s), its text (t) and when it was chosen (v), when the user was last
-- seen (l), and a field @… for each node.
local KEPT = 30 * DAY

local function look(user)
  local fields = redis.call('HGETALL', prefix .. 'p:' .. user)
  local status, text, seen, here = 'online', '', 0, false
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == 's' then
      status = value
    elseif field == 't' then
      text = value
    elseif field == 'l' then
      seen = tonumber(value)
    elseif not here and string.sub(field, 1, 1) == '@' then
      here = alive(string.sub(field, 2))
    end
  end
  if not here or status == 'invisible' then
    return 'offline', '', seen
  end
  return status, text, seen
end

-- Runs a change; whether the user is seen differently after it.
local function change(user, at, act)
  local key = prefix .. 'p:' .. user
  local status, text = look(user)
  act(key)
  local new_status, new_text = look(user)
  if status ~= 'offline' and new_status == 'offline' then
    redis.call('HSET', key, 'l', digits(at))
  end
  redis.call('PEXPIRE', key, KEPT)
  return status ~= new_status or text ~= new_text
end
