-- One counter as a line of a table. KEYS: the counter. ARGV: limit, subject as it stands in the key,
-- field=value... of the limit. Not netstrings: many of these go to redis-cli as lines. Agents write
-- counters; what is no number is shown as "?".

local limit = {}
for i = 3, #ARGV do
    local field, value = ARGV[i]:match("^([^=]*)=(.*)$")
    limit[field] = value
end

local found = redis.call("TYPE", KEYS[1]).ok
local counter = found == "hash" and read_record(KEYS[1]) or {}
local now_us = server_us()

-- A field that is not there is 0; one that is no number nil.
local function count(field)
    local text = counter[field] or "0"
    return text:find("^[0-9]+$") and #text <= 16 and tonumber(text) or nil
end

local function number(value)
    return ("%.0f"):format(value)
end

local function moment(us)
    local seconds = math.ceil(us / 1000000)
    return seconds <= TIME_MOST and date_of(seconds) or "?"
end

-- Of a window that is over nothing is used; the next one begins with the next use.
local function quota_cells()
    local used, stop_ms = count("used"), count("end")
    if not used or not stop_ms then
        return { "?", "?", "?" }
    end
    local is_over = stop_ms * 1000 <= now_us
    used = is_over and 0 or used
    return { number(used), number(math.max(0, tonumber(limit.quota) - used)),
        is_over and "-" or moment(stop_ms * 1000) }
end

-- Used is the level: what has not been refilled yet. It resets when the bucket is full again.
local function rate_cells()
    local debt, at_us = count("debt"), count("at")
    if not debt or not at_us then
        return { "?", "?", "?" }
    end
    local units, seconds, burst = rate_of(limit)
    local unit_us = seconds * 1000000 / units
    local level = math.max(0, math.ceil(debt - math.max(0, now_us - at_us) / unit_us))
    return { number(level), number(math.max(0, burst - level)),
        level > 0 and moment(now_us + level * unit_us) or "-" }
end

local cells = { "?", "?", "?" }
if found == "hash" or found == "none" then
    cells = limit.rate and rate_cells() or quota_cells()
end
return table.concat({ "row", ARGV[1], view_name(ARGV[2]), limit_text(limit), unpack(cells) }, "\t")
