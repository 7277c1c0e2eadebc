-- Half of a heartbeat: what an agent is. KEYS: agent:<id>. ARGV: time to live (ms), boot, age of the
-- process (ms), workers, version, started, head of the audit if it has one. `since` is when the process began, on this clock: a call may
-- be late, so the earliest that it ever amounted to. Answers whether another process has this name.

local ttl, boot, age = ARGV[1], ARGV[2], tonumber(ARGV[3])
local stored = redis.call("HMGET", KEYS[1], "boot", "since")
local is_other = stored[1] and stored[1] ~= boot
local since = now_ms - age
if stored[1] and not is_other then
    since = math.min(since, tonumber(stored[2] or "") or since)
end
redis.call("HSET", KEYS[1], "boot", boot, "since", digits(since), "workers", ARGV[4], "version",
    ARGV[5], "started", ARGV[6], "seen", digits(now_ms))
if ARGV[7] then
    redis.call("HSET", KEYS[1], "head", ARGV[7])
end
redis.call("PEXPIRE", KEYS[1], ttl)
return { "other", is_other and "1" or "0" }
