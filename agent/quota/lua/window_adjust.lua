-- Gives units of a quota back, or adds what was admitted while the store was away: ... back owed.

used = math.max(0, used - tonumber(ARGV[8])) + tonumber(ARGV[9])
if used > BEYOND then
    used = BEYOND
end
return finish(0)
