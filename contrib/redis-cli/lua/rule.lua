-- Rules: "<allow|deny> <METHOD,METHOD|*> <host|*.domain|*> <template> [cost=N] [limit=a,b]".
-- The agent reads them in agent/access/rule.c and template.c; tests/corpus/ holds both to one.

local RULE_BYTES_MOST = 2048
local METHODS_MOST, RULE_LIMITS_MOST = 16, 8
local HOST_BYTES_MOST, LABELS_MOST = 253, 16
local SEGMENTS_MOST = 64
local COST_MOST = 1000000000

-- RFC 9110 5.6.2 without '*', which would look like a pattern and be none.
local function check_method(text)
    if #text > 32 or not text:find("^[A-Za-z0-9!#$%%&'+.^_`|~-]+$") then
        return quote(text) .. " is not a method"
    end
end

local function check_methods(word)
    if word ~= "*" then
        return check_list(word, METHODS_MOST, check_method)
    end
end

local function check_host(word)
    if word == "*" then
        return nil
    end
    local domain, count = word:gsub("^%*%.", ""), 0
    if #domain > HOST_BYTES_MOST then
        return "more than 253 characters"
    end
    for label in (domain .. "."):gmatch("([^.]*)%.") do
        count = count + 1
        if #label > 63 or not label:find("^[a-z0-9_-]+$") then
            return quote(word) .. " is not a host (lower case, no port), *.domain or *"
        end
    end
    if count > LABELS_MOST then
        return "more than 16 labels"
    end
end

-- One escape of a literal: "41" of "%41"; `behind` is what follows it.
local function check_escape(digits, behind)
    if not digits:find("^[0-9A-F][0-9A-F]$") then
        return "an escape needs two upper-case hex digits"
    end
    local byte = tonumber(digits, 16)
    if byte < 0x80 and string.char(byte):find("^[A-Za-z0-9._~-]$") then
        return "an escape of an unreserved character"
    elseif byte < 0x20 or byte == 0x7F or byte == 0x5C then
        return "an escape of a control byte or a backslash"
    elseif byte == 0x25 and behind:find("^[0-9A-Fa-f][0-9A-Fa-f]") then
        return "a double escape"
    end
end

local function check_literal(text)
    for at in text:gmatch("()%%") do
        local fault = check_escape(text:sub(at + 1, at + 2), text:sub(at + 3))
        if fault then
            return fault
        end
    end
    if text:find("[^A-Za-z0-9._~!$&'()+,;=:@%%-]") then
        return "a character that has to be escaped or has no place here"
    end
end

local function check_parameter(name, seen)
    if #name > 64 or not name:find("^[A-Za-z0-9_-]+$") then
        return "a parameter's name is 1 to 64 of A-Z a-z 0-9 _ -"
    elseif seen[name] then
        return "a parameter's name stands twice"
    end
    seen[name] = true
end

-- A segment with its first '*' or '{' between `prefix` and `rest`.
local function check_wild(segment, prefix, rest, seen)
    local suffix = rest:sub(2)
    if rest:sub(1, 1) == "{" then
        local name, behind = suffix:match("^([^}]*)}(.*)$")
        if not name then
            return "a '{' without '}'"
        elseif segment == "{@user}" or segment == "{@team}" then
            return nil
        elseif name:sub(1, 1) == "@" then
            return "only {@user} and {@team}, with nothing around them, name the caller"
        end
        local fault = check_parameter(name, seen)
        if fault then
            return fault
        end
        suffix = behind
    end
    return check_literal(prefix) or check_literal(suffix)
end

local function check_segment(segment, is_last, seen)
    if segment == "**" then
        return not is_last and "** stands only at the end" or nil
    end
    local prefix, rest = segment:match("^([^*{]*)([*{].*)$")
    if prefix then
        return check_wild(segment, prefix, rest, seen)
    elseif segment == "" and not is_last then
        return "empty"
    elseif segment == "." or segment == ".." then
        return "a dot segment"
    end
    return check_literal(segment)
end

local function check_template(word)
    if word:sub(1, 1) ~= "/" then
        return quote(word) .. " does not start with '/'"
    end
    local segments, seen = {}, {}
    for segment in (word:sub(2) .. "/"):gmatch("([^/]*)/") do
        segments[#segments + 1] = segment
    end
    if #segments > SEGMENTS_MOST then
        return "more than 64 segments"
    end
    for i, segment in ipairs(segments) do
        local fault = check_segment(segment, i == #segments, seen)
        if fault then
            return ("segment %d, %s: %s"):format(i, quote(segment), fault)
        end
    end
end

local rule_options = {
    cost = function(value)
        return check_number(value, 1, COST_MOST)
    end,
    limit = function(value)
        return value == "" and "no limit named" or check_list(value, RULE_LIMITS_MOST, check_name)
    end,
}

local function check_options(words, first)
    local seen = {}
    for i = first, #words do
        local name, value = words[i]:match("^([^=]*)=(.*)$")
        if not name or not rule_options[name] then
            return quote(words[i]) .. " is neither cost= nor limit="
        elseif seen[name] then
            return name .. "= stands twice"
        end
        seen[name] = true
        local fault = rule_options[name](value)
        if fault then
            return name .. ": " .. fault
        end
    end
end

local rule_words = {
    { "effect", function(word)
        if word ~= "allow" and word ~= "deny" then
            return quote(word) .. " is neither allow nor deny"
        end
    end },
    { "methods", check_methods },
    { "host", check_host },
    { "template", check_template },
}

local function check_rule(text)
    if #text > RULE_BYTES_MOST then
        return ("%d bytes, at most %d"):format(#text, RULE_BYTES_MOST)
    end
    local words = {}
    for word in (text .. " "):gmatch("([^ ]*) ") do
        words[#words + 1] = word
    end
    for i, part in ipairs(rule_words) do
        local word = words[i]
        local fault = (word or "") == "" and "missing, or a blank too many" or part[2](word)
        if fault then
            return part[1] .. ": " .. fault
        end
    end
    if words[1] == "deny" and #words > #rule_words then
        return "a deny takes no options"
    end
    return check_options(words, #rule_words + 1)
end
