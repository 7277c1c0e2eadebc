-- Judges records without writing. No KEYS. Words: "fields", kind, field=value...; or "text" and
-- blocks separated by blank lines: first a line with the kind (and perhaps more words), then a line
-- "field<TAB>value" each, \xHH for a byte, \\ for a backslash, '#' comments. Answers
-- "<first line><TAB>good" or "<first line><TAB>bad: <fault>" for each; the last line counts the bad.

local words = netstrings(ARGV[1])

local function judge(kind, pairs_given)
    if not kinds[kind] then
        return quote(kind) .. " is not key, cert, user, team, role, limit or revoked"
    end
    local fields = {}
    for _, pair in ipairs(pairs_given) do
        if fields[pair[1]] then
            return printable(pair[1]) .. ": given twice"
        end
        fields[pair[1]] = pair[2]
    end
    return check_record(kind, fields)
end

local function unescape(text)
    return (text:gsub("\\([x\\])([0-9A-Fa-f]?[0-9A-Fa-f]?)", function(mark, digits)
        if mark == "\\" then
            return "\\" .. digits
        end
        return #digits == 2 and string.char(tonumber(digits, 16)) or "\\x" .. digits
    end))
end

local function judge_block(lines)
    local pairs_given = {}
    for i = 2, #lines do
        local field, value = lines[i]:match("^([^\t]*)\t(.*)$")
        if not field then
            return quote(lines[i]) .. ": no tab"
        end
        pairs_given[#pairs_given + 1] = { unescape(field), unescape(value) }
    end
    return judge(lines[1]:match("^[^ \t]*"), pairs_given)
end

local report, bad = {}, 0
local function add(title, fault)
    bad = bad + (fault and 1 or 0)
    report[#report + 1] = view_text(title) .. "\t" .. (fault and "bad: " .. fault or "good")
end

if words[1] == "fields" then
    local pairs_given = {}
    for i = 3, #words do
        pairs_given[#pairs_given + 1] = { words[i]:match("^([^=]*)=(.*)$") }
    end
    add(words[2], judge(words[2], pairs_given))
else
    local block = {}
    for line in (words[2] .. "\n\n"):gmatch("([^\n]*)\n") do
        if line == "" and #block > 0 then
            add(block[1], judge_block(block))
            block = {}
        elseif line ~= "" and line:sub(1, 1) ~= "#" then
            block[#block + 1] = line
        end
    end
end
report[#report + 1] = tostring(bad)
return accept(report)
