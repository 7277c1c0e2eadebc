-- A page of changes. KEYS: changes. Words: where to begin (an entry's number, "" for the first page), how
-- many entries to look at, from, to ("" for any; a span is that long ago), key without the prefix, user as
-- in a key, who ("" for any). Answers where to go on, "" where there are no more, and a line for each that
-- was asked for: time, who, host, key, user, command, before, after, fields; tab-separated, empty cells for
-- what there is not. It is judged here what may be printed: anybody who may add may add anything.

local words = netstrings(ARGV[1])
local start, most, from, to = words[1], tonumber(words[2]), words[3], words[4]
local wanted = { key = words[5], user = words[6], who = words[7] }
local now = server_seconds()

-- Milliseconds, or nil and a fault.
local function moment_ms(option, text)
    local later = parse_span(text, now)
    local stored, fault
    if later then
        stored = ("%.0f"):format(math.max(1, 2 * now - later))
    else
        stored, fault = time_from_operator(text, now)
    end
    return stored and stored .. "000", fault and "--" .. option .. ": " .. fault
end

-- No longer than what is kept can be: some awks hold no more than 8 KiB of a cell.
local function cell(entry, field)
    local text = entry[field] and entry[field] ~= "-" and entry[field] or ""
    local view = view_text(text)
    return #view <= 4 * TYPED_MOST + 3 and view or printable(text:sub(1, TYPED_MOST)) .. "..."
end

local function row_of(id, entry)
    local ms = tonumber(id:match("^[0-9]+"))
    local seconds = math.floor(ms / 1000)
    local time = seconds <= TIME_MOST and date_of(seconds):gsub("Z$", (".%03dZ"):format(ms % 1000)) or "?"
    local cells = { "row", time }
    for _, field in ipairs({ "who", "host", "key", "user", "command", "before", "after", "fields" }) do
        cells[#cells + 1] = cell(entry, field)
    end
    return table.concat(cells, "\t")
end

local function is_wanted(entry)
    for field, value in pairs(wanted) do
        if value ~= "" and entry[field] ~= value then
            return false
        end
    end
    return true
end

local first, last, fault = "-", "+", nil
if from ~= "" then
    first, fault = moment_ms("from", from)
    first = first and first .. "-0"
end
if to ~= "" and not fault then
    last, fault = moment_ms("to", to)
    last = last and "(" .. last .. "-0"
end
if fault then
    return refuse(fault)
end

local found = redis.call("XRANGE", KEYS[1], start ~= "" and start or first, last, "COUNT", most)
local lines = { #found == most and "(" .. found[#found][1] or "" }
for _, item in ipairs(found) do
    local entry = {}
    for i = 1, #item[2], 2 do
        entry[item[2][i]] = item[2][i + 1]
    end
    lines[#lines + 1] = is_wanted(entry) and row_of(item[1], entry) or nil
end
return accept(lines)
