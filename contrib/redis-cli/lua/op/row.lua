-- One record as a line of a list, columns separated by tabs; "gone" where there is none (any more),
-- "-" where a list of keys or certificates is asked for another user. KEYS: the record. ARGV: kind,
-- name as it stands in the key, and optionally their user. Not netstrings: many of these go to redis-cli as lines.

local kind, name, only_user = ARGV[1], ARGV[2], ARGV[3]
local found = redis.call("TYPE", KEYS[1]).ok
if found == "none" then
    return "gone"
elseif found ~= "hash" then
    return "row\t" .. name .. "\tbad_record"
end
local fields = read_record(KEYS[1])
if only_user and fields.user ~= only_user then
    return "-"
end

local function rule_total()
    local count = 0
    for field in pairs(fields) do
        count = count + (rule_id(kind, field) and 1 or 0)
    end
    return tostring(count)
end

local function shown(field)
    local value = fields[field]
    if value and value ~= "" and is_time[field] and not check_time(value) then
        return date_of(tonumber(value))
    end
    return value and value ~= "" and view_text(value) or "-"
end

local columns = {
    key = function()
        return { shown("user"), shown("expires"), shown("last4"), shown("roles"), shown("label") }
    end,
    cert = function()
        return { shown("user"), shown("expires"), shown("roles"), shown("label") }
    end,
    user = function()
        return { shown("team"), shown("expires"), shown("roles"), shown("note") }
    end,
    team = function()
        return { shown("limits"), shown("note") }
    end,
    limit = function()
        local value = check_record("limit", fields) and "-" or limit_text(fields)
        return { value, shown("scope"), shown("on_store_down"), shown("note") }
    end,
    role = function()
        return { shown("priority"), rule_total(), shown("limits"), shown("note") }
    end,
}

local row = columns[kind]()
table.insert(row, 1, view_state(kind, fields, server_seconds()))
table.insert(row, 1, view_name(name))
return "row\t" .. table.concat(row, "\t")
