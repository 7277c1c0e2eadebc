-- Creates or changes one record. KEYS: the record, changes. Words: origin, how, kind, name, field=value...
-- how: "add" (must not exist), "set" (must exist), "put" (either), "switch" (must exist; what is bad between the
-- fields may stay: whatever is stored can be disabled). An empty value, and expires=never, delete the
-- field; a new record takes no empty values, so that an unset shell variable never lifts a
-- restriction. Answers with warnings.

local words = netstrings(ARGV[1])
local origin = take_origin(words)
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

-- The record as it will be; of a large role without its rules.
local function resulting(before, changes)
    local fields = changed_record(before, changes)
    for field, value in pairs(kinds[kind].default) do
        fields[field] = fields[field] or value
    end
    return fields
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
local before, is_part
before, fault, is_part = read_changing(KEYS[1], kinds[kind].show)
if fault then
    return refuse(fault)
elseif how == "add" and before then
    return refuse("exists already")
elseif (how == "set" or how == "switch") and not before then
    return refuse("no such " .. kind)
end
local changes
changes, fault = read_changes(not before)
if not changes then
    return refuse(fault)
end
local after = resulting(before, changes)
fault = how ~= "switch" and check_whole(kind, after)
if fault then
    return refuse(fault)
end
write_record(origin, after, before, is_part)
if changes["until"] then
    redis.call("EXPIREAT", KEYS[1], tonumber(changes["until"]) + GRACE_SECONDS)
end
return accept(warnings(changes))
