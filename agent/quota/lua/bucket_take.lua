-- Takes units of a rate: ... want least waiting. `least` is what the first who waits needs,
-- `waiting` what all who wait need: an exact grant holds no more.

local want, least, waiting = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

if done > sequence then
    return answer("stale", 0, debt, holders, 0, 0)
elseif done == sequence then
    return answer("ok", done_units, debt, holders, life, 0)
end
-- More than a lease can ever have: exact grants for a while, once no lease is alive.
if least > burst - reserve and least <= burst then
    exact_until, life, reserve = now_us + 1000000, 0, 0
end
if life == 0 and now_us >= leased_until and leased_until > 0 then
    debt, rem = refill(old_debt + late, old_rem, elapsed)
    leased_until = 0
end
local left = burst - reserve - debt
if life == 0 and now_us < leased_until then
    return finish(0, leased_until - now_us)
elseif left < least then
    return finish(0, wait_for(least - left))
elseif life == 0 then
    want = waiting
else
    leased_until = now_us + life
end
local granted = math.min(want, math.max(least, math.floor(left / (2 * holders))))
if life == 0 then
    granted = math.min(want, left)
end
debt = debt + granted
return finish(granted, 0)
