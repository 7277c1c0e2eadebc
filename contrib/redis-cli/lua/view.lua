-- Views: records as an operator may see them. No hash in full, no password, nothing that is not fit
-- for a terminal.

local is_time = { not_before = true, expires = true, tokens_not_before = true, created = true,
    hash2_until = true, rotated = true }

local function view_hash(value)
    if check_hash(value) then
        return "(malformed)"
    end
    return value:gsub("[0-9a-f]*$", "") .. "..." .. value:sub(-8)
end

-- Text of `value` as it may be printed; UTF-8 where it is good UTF-8.
local function view_text(value)
    return check_text(value, 4096) and printable(value) or value
end

local function view_field(field, value)
    if field == "hash" or field == "hash2" then
        return view_hash(value)
    elseif field == "password" then
        return "(set)"
    elseif is_time[field] and not check_time(value) then
        return value .. " (" .. date_of(tonumber(value)) .. ")"
    end
    return view_text(value)
end

-- A name as it stands in a key, decoded.
local function view_name(name)
    return view_text((name:gsub("%%([0-9A-F][0-9A-F])", function(digits)
        return string.char(tonumber(digits, 16))
    end)))
end

-- What a record amounts to at this moment.
local function view_state(kind, fields, now)
    if check_record(kind, fields) then
        return "bad_record"
    elseif fields.expires and tonumber(fields.expires) <= now then
        return "expired"
    elseif fields.not_before and tonumber(fields.not_before) > now then
        return "not_yet"
    end
    return fields.state or fields.mode or "enforce"
end
