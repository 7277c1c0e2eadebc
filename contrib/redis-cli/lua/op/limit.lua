-- What a counter is read by. KEYS: a limit. Answers its scope, the kind of its counters ("used" or
-- "bucket"), the fields that say how much, and the limit in a few words; a line each.

local fields, fault = read_record(KEYS[1])
if not fields then
    return refuse(fault or "no such limit")
end
fault = check_record("limit", fields)
if fault then
    return refuse("bad_record: " .. fault)
end

local pairs_told = {}
for _, field in ipairs({ "rate", "burst", "quota", "per", "tz", "mode" }) do
    if fields[field] then
        pairs_told[#pairs_told + 1] = field .. "=" .. fields[field]
    end
end
return accept({ fields.scope or "user", fields.rate and "bucket" or "used",
    table.concat(pairs_told, " "), limit_text(fields) })
