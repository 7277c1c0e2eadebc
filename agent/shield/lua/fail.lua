-- Counts failures of one subject, as agent/shield/count.c does, or only tells. KEYS:
-- failed:<credential>:<source>. ARGV: failures, how long ago the last was, then what the caller has counted
-- itself, left and wait, then interval, wait, the longest wait (all us), and how many are free. What an
-- agent counted while the store was away is no less for it.

local function digits(value)
    return ("%.0f"):format(value)
end

local function number(text)
    local value = text and #text <= 16 and text:find("^%d+$") and tonumber(text)
    return value or 0
end

local failures, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local left, waits = tonumber(ARGV[3]), tonumber(ARGV[4])
local interval, first, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local free = tonumber(ARGV[8])
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local at = now - age
local stored = redis.call("HMGET", KEYS[1], "clear", "until")
local clear, till = number(stored[1]), math.min(number(stored[2]), now + longest)

local function add()
    clear = math.max(clear, at) + interval
    local steps = math.ceil((clear - at) / interval) - free
    if steps < 0 then
        return
    end
    local wait, step = first, 0
    while step < steps and wait < longest do
        wait, step = wait * 2, step + 1
    end
    wait = math.min(wait, longest)
    till = at + wait
    clear = math.min(clear, at + (free + step) * interval) + wait
end

for _ = 1, math.min(failures, 1000) do
    if at < till then
        break
    end
    add()
end
if failures > 0 then
    clear = math.max(clear, now + left)
    till = math.max(till, now + math.min(waits, longest))
    redis.call("HSET", KEYS[1], "clear", digits(clear), "until", digits(till))
    redis.call("PEXPIRE", KEYS[1], digits(math.ceil((math.max(clear, till) - now) / 1000) + 1))
end
return { "left", digits(math.max(0, clear - now)), "wait", digits(math.max(0, till - now)) }
