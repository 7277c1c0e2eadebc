-- One rule of a role. KEYS: the role. Words: how, id, text. how: "add" (the id must be free), "set"
-- (add or replace, in one step, so that a deny is never gone for a moment), "delete".

local words = netstrings(ARGV[1])
local how, id, text = words[1], words[2], words[3]
local field = "rule:" .. id

local function rule_count()
    local count = redis.call("HLEN", KEYS[1])
    for _, other in ipairs(kinds.role.show) do
        count = count - redis.call("HEXISTS", KEYS[1], other)
    end
    return count
end

local found = redis.call("TYPE", KEYS[1]).ok
if found == "none" then
    return refuse("no such role")
elseif found ~= "hash" then
    return refuse("the key holds a " .. found .. ", not a hash")
end
local exists = redis.call("HEXISTS", KEYS[1], field) == 1

if how == "delete" then
    if not exists then
        return refuse("no such rule")
    end
    redis.call("HSETNX", KEYS[1], "mode", kinds.role.default.mode)
    redis.call("HDEL", KEYS[1], field)
    return accept({})
end

local fault = check_field("role", field, text)
if fault then
    return refuse(fault)
elseif exists and how == "add" then
    return refuse("exists already")
elseif not exists and rule_count() >= RULES_MOST then
    return refuse("the role is full (" .. RULES_MOST .. " rules)")
end
redis.call("HSET", KEYS[1], field, text)
return accept({})
