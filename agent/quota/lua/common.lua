-- What every script begins with. Numbers from outside are digits only, below 2^53 (which 2^53 + 1
-- equals, in Lua); Lua prints large ones in scientific notation, so they leave through "%.0f".

local BEYOND = 9007199254740992
local PRUNE_S = 7200 -- a holder that was silent for so long is forgotten, by itself too

local function number(text)
    if not text then
        return 0
    end
    local value = #text <= 16 and text:find("^%d+$") and tonumber(text)
    return value and value < BEYOND and value or nil
end

local function digits(value)
    return ("%.0f"):format(value)
end

local time = redis.call("TIME")
local now_s, now_us = tonumber(time[1]), tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_ms = math.floor(now_us / 1000)

local holder, sequence, last = "h:" .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- A holder's last call: "<sequence>:<units>:<second>".
local function read_call(text)
    if not text then
        return 0, 0
    end
    local seen, units = text:match("^(%d+):(%d+):%d+$")
    if not seen then
        return nil
    end
    return number(seen), number(units)
end

local function write_call(units)
    return digits(sequence) .. ":" .. digits(units) .. ":" .. digits(now_s)
end

-- At most once a minute.
local function prune(pruned_s)
    if now_s - pruned_s < 60 and now_s >= pruned_s then
        return pruned_s
    end
    local flat = redis.call("HGETALL", KEYS[1])
    for i = 1, #flat, 2 do
        local second = flat[i]:sub(1, 2) == "h:" and number(flat[i + 1]:match(":(%d+)$"))
        if second and now_s - second > PRUNE_S then
            redis.call("HDEL", KEYS[1], flat[i])
        end
    end
    return now_s
end

-- How many hold a share of the counter, the caller included. `fields` are the values of all fields
-- that are no holder's, `own` the caller's.
local function count_holders(fields, own)
    local count = redis.call("HLEN", KEYS[1]) + (own and 0 or 1)
    for i = 1, fields.n do
        count = count - (fields[i] and 1 or 0)
    end
    return math.max(1, count)
end
