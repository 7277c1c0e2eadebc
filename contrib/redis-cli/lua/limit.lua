-- Limits: a rate ("100/s") or a quota ("100000" per "day"). The agent reads them in
-- agent/directory/value.c.

local RATE_MOST, QUOTA_MOST = 1000000000, 1000000000000000
local RATE_SECONDS = { s = 1, min = 60, h = 3600 }

-- Gives units and seconds, or nil.
local function parse_rate(text)
    local units, unit = text:match("^([^/]*)/(.*)$")
    if not units or not RATE_SECONDS[unit] or check_number(units, 1, RATE_MOST) then
        return nil
    end
    return tonumber(units), RATE_SECONDS[unit]
end

local function check_rate(text)
    if not parse_rate(text) then
        return quote(text) .. " is not a rate (100/s, 6000/min, 1000/h; up to 10^9 units)"
    end
end

local function check_burst(text)
    return check_number(text, 1, RATE_MOST)
end

local function check_quota(text)
    return check_number(text, 0, QUOTA_MOST)
end

local function check_zone(text)
    local has_empty_part = ("/" .. text .. "/"):find("//", 1, true)
    if #text > 64 or has_empty_part or not text:find("^[A-Za-z0-9_+/-]+$") then
        return quote(text) .. " is not the name of a time zone, like Europe/Berlin"
    end
end

local function check_outage(text)
    local percent = text:match("^budget:(.*)%%$")
    local is_budget = percent and not check_number(percent, 1, 100)
    if text ~= "deny" and text ~= "allow" and not is_budget then
        return quote(text) .. " is not deny, allow or budget:<1 to 100>%"
    end
end

-- Between the fields of a limit, each of which is good.
local function check_limit(fields)
    if fields.tz and (fields.per == "minute" or fields.per == "hour") then
        return "tz: only of day, week and month"
    end
end

-- Of a good limit with a rate: units, seconds, burst.
local function rate_of(fields)
    local units, seconds = parse_rate(fields.rate)
    return units, seconds, tonumber(fields.burst) or math.max(1, math.floor(units / seconds))
end

-- A good limit in a few words.
local function limit_text(fields)
    local text
    if fields.rate then
        local _, _, burst = rate_of(fields)
        text = ("%s burst %.0f"):format(fields.rate, burst)
    else
        text = ("%s per %s %s"):format(fields.quota, fields.per, fields.tz or "UTC")
    end
    return fields.mode == "shadow" and text .. " (shadow)" or text
end
