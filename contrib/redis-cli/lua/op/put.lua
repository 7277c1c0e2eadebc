-- Creates or changes one record. KEYS: the record. Words: how, kind, name, field=value... how: "add"
-- (must not exist), "set" (must exist), "put" (either), "switch" (must exist; what is bad between the
-- fields may stay: whatever is stored can be disabled). An empty value, and expires=never, delete the
-- field; a new record takes no empty values, so that an unset shell variable never lifts a
-- restriction. Answers with warnings.

local words = netstrings(ARGV[1])
local how, kind, name = words[1], words[2], words[3]
local is_moment = { expires = true, not_before = true, tokens_not_before = true, created = true,
    ["until"] = true }
-- A token counts for its issuer's leeway longer, which is a minute at most.
local GRACE_SECONDS = 120
local now = server_seconds()

-- Gives the stored form, "" to delete the field, or nil and a fault.
local function stored_form(field, value, is_new)
    if not kinds[kind].check[field] then
        return nil, "no such field"
    elseif field == "expires" and value == "never" then
        return ""
    elseif value == "" and is_new then
        return nil, "empty"
    elseif value ~= "" and is_moment[field] then
        return time_from_operator(value, now)
    end
    local fault = value ~= "" and check_field(kind, field, value)
    if fault then
        return nil, fault
    end
    return value
end

local function read_changes(is_new)
    local changes = {}
    for i = 4, #words do
        local field, given = words[i]:match("^([^=]*)=(.*)$")
        local value, fault = stored_form(field, given, is_new)
        if changes[field] then
            fault = "given twice"
        end
        if fault then
            return nil, printable(field) .. ": " .. fault
        end
        changes[field] = value
    end
    return changes
end

local function add_defaults(changes)
    for field, value in pairs(kinds[kind].default) do
        local given = changes[field]
        if given == "" or not given and redis.call("HEXISTS", KEYS[1], field) == 0 then
            changes[field] = value
        end
    end
end

-- The record as it will be, without a role's rules.
local function resulting(changes)
    local names, fields = kinds[kind].show, {}
    for i, stored in ipairs(redis.call("HMGET", KEYS[1], unpack(names))) do
        local value = changes[names[i]] or stored
        fields[names[i]] = value and value ~= "" and value or nil
    end
    return fields
end

local function write(changes)
    for field, value in pairs(changes) do
        if value == "" then
            redis.call("HDEL", KEYS[1], field)
        else
            redis.call("HSET", KEYS[1], field, value)
        end
    end
    if changes["until"] then
        redis.call("EXPIREAT", KEYS[1], tonumber(changes["until"]) + GRACE_SECONDS)
    end
end

local function warnings(changes)
    local expires = tonumber(changes.expires or "")
    if expires and expires <= now then
        return { "expires: " .. date_of(expires) .. " is past" }
    end
    return {}
end

local fault = check_identity(kind, name)
if fault then
    return refuse(fault)
end
local found = redis.call("TYPE", KEYS[1]).ok
if found ~= "hash" and found ~= "none" then
    return refuse("the key holds a " .. found .. ", not a hash")
elseif how == "add" and found == "hash" then
    return refuse("exists already")
elseif (how == "set" or how == "switch") and found == "none" then
    return refuse("no such " .. kind)
end
local changes
changes, fault = read_changes(found == "none")
if not changes then
    return refuse(fault)
end
add_defaults(changes)
fault = how ~= "switch" and check_whole(kind, resulting(changes))
if fault then
    return refuse(fault)
end
write(changes)
return accept(warnings(changes))
