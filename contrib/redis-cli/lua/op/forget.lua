-- An agent counts no more. KEYS: agent:<id>, changes, agents. Words: origin, id.

local words = netstrings(ARGV[1])
local origin = take_origin(words)
local id = words[1]
local fault = check_name(id)
if fault then
    return refuse(fault)
end

local agent, wrong = read_record(KEYS[1])
if not agent and not wrong and not redis.call("ZSCORE", KEYS[3], id) then
    return refuse("no such agent")
end
add_change(origin, "agent:" .. id, "", digest_of(agent, wrong), "-", differing(agent or {}, {}))
redis.call("ZREM", KEYS[3], id)
redis.call("DEL", KEYS[1])
return accept({})
