-- Text: how words reach a script, and the small grammars that all records share. Checks give nil
-- for good and a text, the fault, for bad. Classes are spelled out: %w depends on the locale.

-- "<length>:<bytes>," each: any byte travels, nothing is quoted.
local function netstrings(packed)
    local words, at = {}, 1
    while at <= #packed do
        local first, last, length = packed:find("^([0-9]+):", at)
        assert(first and #length < 10, "malformed arguments")
        local stop = last + tonumber(length)
        assert(packed:sub(stop + 1, stop + 1) == ",", "malformed arguments")
        words[#words + 1] = packed:sub(last + 1, stop)
        at = stop + 2
    end
    return words
end

-- Fit for a terminal and for one line.
local function printable(text)
    return (text:gsub("[^\32-\126]", function(byte)
        return ("\\x%02x"):format(byte:byte())
    end))
end

local function quote(text)
    if #text > 80 then
        text = text:sub(1, 77) .. "..."
    end
    return "'" .. printable(text) .. "'"
end

-- "" has no items; "a,,b" has an empty one.
local function items_of(list)
    local items = {}
    if list ~= "" then
        for item in (list .. ","):gmatch("([^,]*),") do
            items[#items + 1] = item
        end
    end
    return items
end

local function check_name(text)
    if #text > 64 or not text:find("^[A-Za-z0-9._@-]+$") then
        return quote(text) .. " is not a name (1 to 64 of A-Z a-z 0-9 . _ @ -)"
    end
end

-- Unique items, each good by `check`; `identity` (optional) tells what makes two items the same.
local function check_list(list, most, check, identity)
    local items, seen = items_of(list), {}
    if #items > most then
        return ("%d items, at most %d"):format(#items, most)
    end
    for _, item in ipairs(items) do
        local fault = check(item)
        local same = identity and identity(item) or item
        if fault then
            return fault
        elseif seen[same] then
            return quote(item) .. " stands twice"
        end
        seen[same] = true
    end
end

-- Decimal, no sign, no leading zero, least..most; most is at most 10^15, far from 2^53.
local function check_number(text, least, most)
    local is_decimal = text == "0" or text:find("^[1-9][0-9]*$")
    if not is_decimal or #text > 16 or tonumber(text) < least or tonumber(text) > most then
        return ("%s is not a number from %.0f to %.0f"):format(quote(text), least, most)
    end
end

-- By a UTF-8 lead byte (Unicode, table 3-7): length, and range of the second byte.
local function utf8_shape(lead)
    if lead >= 0xC2 and lead <= 0xDF then
        return 2, 0x80, 0xBF
    elseif lead == 0xE0 then
        return 3, 0xA0, 0xBF
    elseif lead == 0xED then
        return 3, 0x80, 0x9F
    elseif lead >= 0xE1 and lead <= 0xEF then
        return 3, 0x80, 0xBF
    elseif lead == 0xF0 then
        return 4, 0x90, 0xBF
    elseif lead >= 0xF1 and lead <= 0xF3 then
        return 4, 0x80, 0xBF
    elseif lead == 0xF4 then
        return 4, 0x80, 0x8F
    end
end

-- Length of the printable character at text[at], nil where there is none.
local function printable_length(text, at)
    local lead = text:byte(at)
    if lead < 0x80 then
        return lead >= 0x20 and lead ~= 0x7F and 1 or nil
    end
    local length, least, most = utf8_shape(lead)
    local second = text:byte(at + 1)
    if not length or not second or second < least or second > most then
        return nil
    end
    if lead == 0xC2 and second < 0xA0 then
        return nil
    end
    for i = at + 2, at + length - 1 do
        local byte = text:byte(i)
        if not byte or byte < 0x80 or byte > 0xBF then
            return nil
        end
    end
    return length
end

-- UTF-8 without control characters.
local function check_text(text, most)
    if #text > most then
        return ("%d bytes, at most %d"):format(#text, most)
    end
    local at = 1
    while at <= #text do
        local length = printable_length(text, at)
        if not length then
            return quote(text) .. " holds a control character or is not UTF-8"
        end
        at = at + length
    end
end

-- As redis-cli prints a script's answer: the first line says how it went.
local function accept(lines)
    table.insert(lines, 1, "reeve:ok")
    return lines
end

local function refuse(fault)
    return { "reeve:no", fault }
end
