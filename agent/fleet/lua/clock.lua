-- What scripts begin with that look at the clock. Lua prints large numbers in scientific notation, so
-- they leave through "%.0f".

local function digits(value)
    return ("%.0f"):format(value)
end

local time = redis.call("TIME")
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_ms = math.floor(now_us / 1000)
