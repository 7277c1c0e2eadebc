-- Gives units of a quota back, or adds what was admitted while the store was away: ... back owed
-- seen_at.

local back, owed = tonumber(ARGV[8]), tonumber(ARGV[9])
used = math.max(0, used - (is_same and back or 0)) + owed
used = math.min(used, BEYOND - 1)
return finish(0)
