-- A credential was used. KEYS: seen:<kind>:<name>. ARGV: field, how long ago (ms), agent, time to live
-- (ms). Calls come late and out of order, so the latest use stays; one from a future that was not to be,
-- after a clock was set back, does not.

local time = redis.call("TIME")
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local at_s = math.floor((now_ms - tonumber(ARGV[2])) / 1000)
local stored_s = tonumber(redis.call("HGET", KEYS[1], ARGV[1]) or "")

local is_later = stored_s and stored_s >= at_s and stored_s * 1000 <= now_ms
if not is_later then
    redis.call("HSET", KEYS[1], ARGV[1], ("%.0f"):format(at_s), ARGV[1] .. "_by", ARGV[3])
end
redis.call("PEXPIRE", KEYS[1], ARGV[4])
return { "at", ("%.0f"):format(at_s) }
