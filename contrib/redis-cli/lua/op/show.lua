-- One record, a line a field. KEYS: the record. Words: kind, name.

local words = netstrings(ARGV[1])
local kind, name = words[1], words[2]
local fields, fault = read_record(KEYS[1])
if not fields then
    return refuse(fault or "no such " .. kind)
end

-- The known fields in their order, the others by name, rules with numeric ids by number.
local function place(field)
    for i, known in ipairs(kinds[kind].show) do
        if known == field then
            return ("1 %02d"):format(i)
        end
    end
    local id = rule_id(kind, field) or ""
    if id:find("^[0-9]+$") and #id <= 15 then
        return ("2 %015d %s"):format(tonumber(id), id)
    end
    return "3 " .. field
end

local order, places, width = {}, {}, #kind
for field in pairs(fields) do
    order[#order + 1] = field
    places[field] = place(field)
    width = math.max(width, math.min(#field, 32))
end
table.sort(order, function(a, b)
    return places[a] < places[b]
end)

local lines = {}
local function line(field, value)
    lines[#lines + 1] = ("%-" .. width .. "s  %s"):format(field, value)
end
line(kind, view_text(name))
for _, field in ipairs(order) do
    line(printable(field), view_field(field, fields[field]))
end
fault = check_record(kind, fields)
if fault then
    lines[#lines + 1] = "bad_record: " .. fault
end
return accept(lines)
