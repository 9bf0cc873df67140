-- A line for all other nodes. ARGV: the line.
local told = 0
for _, node in ipairs(live()) do
  if node ~= me then
    told = told + send(node, ARGV[3])
  end
end
return told
