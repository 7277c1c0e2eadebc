-- Takes units of a quota: ... want least seen_at. `least` is what the first who waits needs; fewer would
-- be of no use. The share shrinks as the pool empties, so that nothing is stranded.

local want, least = tonumber(ARGV[8]), tonumber(ARGV[9])
if has_lost then
    used = math.max(used, seen)
end
local left, granted = limit - used, 0
if left >= least and now_ms - lost >= HEAL_MS then
    granted = math.min(want, math.max(least, math.floor(left / (2 * holders))))
end
used = used + granted
return finish(granted)
