-- Gives units of a quota back, or adds what was admitted while the store was away: ... back owed
-- seen_at.

local back, owed = tonumber(ARGV[8]), tonumber(ARGV[9])
back = is_same and back or 0
if has_lost then
    -- The grant of these units may be lost as well, and others were granted since.
    used = math.max(used, seen - back)
else
    used = math.max(0, used - back)
end
used = math.min(used + owed, BEYOND - 1)
return finish(0)
