-- Times: stored as UNIX seconds, 1 to the end of the year 9999; given by the operator as those, as
-- a span from now, or as an RFC 3339 date. Days by the proleptic Gregorian calendar.

local TIME_MOST = 253402300799
local SPAN_SECONDS = { d = 86400, h = 3600, m = 60, s = 1 }

local function check_time(text)
    return check_number(text, 1, TIME_MOST)
end

-- Days from 1970-01-01; years count from March, so that leap days come last.
local function days_of(year, month, day)
    if month <= 2 then
        year, month = year - 1, month + 12
    end
    local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    return 365 * year + leaps + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
end

local function month_days(year, month)
    if month == 12 then
        return 31
    end
    return days_of(year, month + 1, 1) - days_of(year, month, 1)
end

local function date_of(seconds)
    local days = math.floor(seconds / 86400)
    local rest = seconds - days * 86400
    local year = 1970 + math.floor(days / 365.2425)
    if days_of(year, 1, 1) > days then
        year = year - 1
    elseif days_of(year + 1, 1, 1) <= days then
        year = year + 1
    end
    local month = 12
    while days_of(year, month, 1) > days do
        month = month - 1
    end
    local day = days - days_of(year, month, 1) + 1
    return ("%04d-%02d-%02dT%02d:%02d:%02dZ"):format(year, month, day, math.floor(rest / 3600),
        math.floor(rest / 60) % 60, rest % 60)
end

-- Seconds east of UTC of "Z", "+02:00", "-05:30".
local function parse_offset(text)
    if text == "Z" then
        return 0
    end
    local sign, hours, minutes = text:match("^([+-])([0-9][0-9]):([0-9][0-9])$")
    if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then
        return nil
    end
    local seconds = tonumber(hours) * 3600 + tonumber(minutes) * 60
    return sign == "+" and seconds or -seconds
end

local function parse_clock(text)
    if text == "" then
        return 0
    end
    local hour, minute, second, zone = text:match("^T([0-9][0-9]):([0-9][0-9]):([0-9][0-9])(.+)$")
    local offset = zone and parse_offset(zone)
    if not offset or tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 59 then
        return nil
    end
    return tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second) - offset
end

-- RFC 3339 5.6 without fractions; a date alone is its first second in UTC.
local function parse_date(text)
    local year, month, day, clock =
        text:match("^([0-9][0-9][0-9][0-9])%-([0-9][0-9])%-([0-9][0-9])(.*)$")
    if not year then
        return nil
    end
    year, month, day = tonumber(year), tonumber(month), tonumber(day)
    local seconds = parse_clock(clock)
    if not seconds or month < 1 or month > 12 or day < 1 or day > month_days(year, month) then
        return nil
    end
    return days_of(year, month, day) * 86400 + seconds
end

local function parse_span(text, now)
    local count, unit = text:match("^([0-9]+)([dhms])$")
    if not count or #count > 9 then
        return nil
    end
    return now + tonumber(count) * SPAN_SECONDS[unit]
end

-- Gives the stored form, or nil and a fault.
local function time_from_operator(text, now)
    local seconds = parse_span(text, now) or parse_date(text)
    local stored = seconds and ("%.0f"):format(seconds) or text
    if check_time(stored) then
        return nil, quote(text) .. " is not a time (30d, 12h, 90m, 45s, 2027-01-31, "
            .. "2027-01-31T12:00:00Z, UNIX seconds up to the year 9999)"
    end
    return stored
end

local function server_seconds()
    return tonumber(redis.call("TIME")[1])
end

-- UNIX microseconds: exact, far from 2^53.
local function server_us()
    local now = redis.call("TIME")
    return tonumber(now[1]) * 1000000 + tonumber(now[2])
end
