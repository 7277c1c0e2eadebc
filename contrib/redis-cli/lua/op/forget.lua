-- An agent counts no more. KEYS: agents. Words: its id. Answers how many there were.

local id = netstrings(ARGV[1])[1]
local fault = check_name(id)
if fault then
    return refuse(fault)
end
return accept({ tostring(redis.call("ZREM", KEYS[1], id)) })
