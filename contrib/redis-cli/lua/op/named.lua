-- Which limits a record names. KEYS: a user, team or role. Words: kind, name. Answers lines "limit NAME
-- ROLE", where ROLE is "-" unless a role or its rule names the limit; of a user also "team NAME", "role
-- NAME" and "lifted NAME". What is no name is left out: it can not be the name of a limit.

local words = netstrings(ARGV[1])
local kind, name = words[1], words[2]
local fields, fault = read_record(KEYS[1])
if not fields then
    return refuse(fault or "no such " .. kind)
end

local lines = {}
local function add(format, list)
    for _, item in ipairs(items_of(list or "")) do
        if not check_name(item) then
            lines[#lines + 1] = format:format(item)
        end
    end
end

local format = "limit %s " .. (kind == "role" and name or "-")
add(format, fields.limits)
for field, text in pairs(fields) do
    local list = rule_id(kind, field) and text:match(" limit=([^ ]*)")
    if list and not check_rule(text) then
        add(format, list)
    end
end
if kind == "user" then
    for item in (fields.limits or ""):gmatch("!([^,]*)") do
        add("lifted %s", item)
    end
    add("team %s", fields.team)
    add("role %s", fields.roles)
end
return accept(lines)
