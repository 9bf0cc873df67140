-- A line for one node. ARGV: its incarnation, the line. Whether it was there.
if not alive(ARGV[3]) then
  return 0
end
return send(ARGV[3], ARGV[4])
