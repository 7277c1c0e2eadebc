-- One rule of a role. KEYS: the role, changes. Words: origin, how, id, text. how: "add" (the id must be
-- free), "set" (add or replace, in one step, so that a deny is never gone for a moment), "delete".

local words = netstrings(ARGV[1])
local origin = take_origin(words)
local how, id, text = words[1], words[2], words[3]
local field = "rule:" .. id

local role, fault, is_part = read_changing(KEYS[1], { field, "mode" })
if not role then
    return refuse(fault or "no such role")
end
local exists = role[field] ~= nil

local function rule_count()
    local count = redis.call("HLEN", KEYS[1])
    for _, other in ipairs(kinds.role.show) do
        count = count - redis.call("HEXISTS", KEYS[1], other)
    end
    return count
end

if how == "delete" then
    if not exists then
        return refuse("no such rule")
    end
    local mode = role.mode or kinds.role.default.mode
    write_record(origin, changed_record(role, { mode = mode, [field] = "" }), role, is_part)
    return accept({})
end

fault = check_field("role", field, text)
if fault then
    return refuse(fault)
elseif exists and how == "add" then
    return refuse("exists already")
elseif not exists and rule_count() >= RULES_MOST then
    return refuse("the role is full (" .. RULES_MOST .. " rules)")
end
write_record(origin, changed_record(role, { [field] = text }), role, is_part)
return accept({})
