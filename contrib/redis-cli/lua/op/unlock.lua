-- A step of an unlock. KEYS: failed:<credential>:<source>, a count, which is deleted; or unlock:<name>, of
-- which agents are told when it is set. ARGV: "count" or "agents". Not netstrings: many of these go to
-- redis-cli as lines.

local done = 1
if ARGV[1] == "count" then
    done = redis.call("DEL", KEYS[1])
else
    redis.call("SET", KEYS[1], "1", "PX", 60000)
end
return "row\t" .. done
