-- A quota's counter: HASH start end used lost pruned [reset] h:<holder>. `used` are the units of
-- the window that were granted and not given back. Begins both of its scripts, whose arguments are
--   holder sequence last start end limit seen ... seen_at
-- `last` is the holder's last sequence that was answered in this window, 0: none; `seen` the use
-- that this answer told, at the instant `seen_at` (microseconds). What was seen before `reset`
-- (milliseconds), by which an operator set the use to nothing, does not count.

local HEAL_MS = 1000

local start, stop = tonumber(ARGV[4]), tonumber(ARGV[5])
local limit, seen, seen_at = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[10])

local function answer(state, granted, used, holders)
    return { "state", state, "seq", digits(sequence), "granted", digits(granted), "used",
        digits(used), "holders", digits(holders), "now", digits(now_us) }
end

local stored = redis.pcall("HMGET", KEYS[1], "start", "end", "used", "lost", "pruned", "reset",
    holder)
if stored.err then
    return answer("bad", 0, 0, 0)
end
local stored_start, stored_stop = number(stored[1]), number(stored[2])
local used, lost, pruned = number(stored[3]), number(stored[4]), number(stored[5])
local done, done_units = read_call(stored[7])
if not (stored_start and stored_stop and used and lost and pruned and done and done_units) then
    return answer("bad", 0, 0, 0)
end
if now_ms < start or now_ms >= stop then
    return answer("window", 0, 0, 0)
end
if start >= stored_stop then
    redis.call("DEL", KEYS[1])
    stored, used, lost, done = { [6] = stored[6] }, 0, 0, 0
    if stored[6] then
        redis.call("HSET", KEYS[1], "reset", stored[6])
    end
    stored_start, stored_stop = start, stop
end
-- Units of another window are not given back to this one.
local is_same = start == stored_start and stop == stored_stop
if stop <= stored_start then
    -- The clock went back. The later window goes on, or it would be granted twice.
    start, stop = stored_start, stored_stop
end
stored.n = 6
if seen_at < (number(stored[6]) or 0) * 1000 then
    seen = 0
end
local holders = count_holders(stored, stored[7])
if done > sequence then
    return answer("stale", 0, used, holders)
elseif done == sequence then
    return answer("ok", done_units, used, holders)
end
-- The store forgot a call that it had answered: it lost data. What this holder saw, less what it
-- gives back, is the least that was used, and nothing is granted until all who are at work have said
-- what they saw.
local has_lost = done < last
lost = has_lost and now_ms or math.min(lost, now_ms) -- the clock may have gone back

local function finish(granted)
    redis.call("HSET", KEYS[1], "start", digits(start), "end", digits(stop), "used", digits(used),
        "lost", digits(lost), "pruned", digits(prune(pruned)), holder, write_call(granted))
    redis.call("PEXPIREAT", KEYS[1], digits(stop + 60000 + now_us % 60000))
    return answer("ok", granted, used, holders)
end
