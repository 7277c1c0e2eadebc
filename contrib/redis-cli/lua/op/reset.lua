-- Sets what is used to nothing. KEYS: a counter. Words: its kind, "used" or "bucket". Agents remember
-- what they have seen used, and heal a counter that shows less; `reset`, UNIX milliseconds, tells them
-- that what they saw before does not count. All other fields are theirs.

local kind = netstrings(ARGV[1])[1]
local found = redis.call("TYPE", KEYS[1]).ok
if found ~= "hash" and found ~= "none" then
    return refuse("the key holds a " .. found .. ", not a hash")
end

local now_ms = ("%.0f"):format(math.floor(server_us() / 1000))
if kind == "used" then
    redis.call("HSETNX", KEYS[1], "start", "0")
    redis.call("HSETNX", KEYS[1], "end", "0")
    redis.call("HSET", KEYS[1], "used", "0", "reset", now_ms)
elseif redis.call("HEXISTS", KEYS[1], "at") == 1 then
    redis.call("HSET", KEYS[1], "debt", "0", "rem", "0", "reset", now_ms)
else
    redis.call("HSET", KEYS[1], "reset", now_ms)
end
return accept({})
