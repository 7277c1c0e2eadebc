-- Failed authentications are forgotten. KEYS: unlock:<name>, of which agents are told when it is set;
-- changes; counts, failed:<credential>:<source>, which are deleted. Words: origin, whose key is told in the
-- change, and which user that is of, "" for none. Answers how many counts there were.

local words = netstrings(ARGV[1])
local origin = take_origin(words)

add_change(origin, words[1], words[2], "-", "-", "")
local forgotten = 0
for i = 3, #KEYS do
    forgotten = forgotten + redis.call("DEL", KEYS[i])
end
redis.call("SET", KEYS[1], "1", "PX", 60000)
return accept({ tostring(forgotten) })
