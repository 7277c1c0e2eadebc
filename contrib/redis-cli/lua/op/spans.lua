-- Spans of the report on access. No KEYS. Words: "name=30d"..., 0 for never. Answers for each its seconds,
-- and when that was before now.

local lines, now = {}, server_seconds()
for _, word in ipairs(netstrings(ARGV[1])) do
    local name, text = word:match("^([^=]*)=(.*)$")
    local moment = text == "0" and now or parse_span(text, now)
    if not moment or moment - now > now then
        return refuse("--" .. name .. ": " .. quote(text) .. " is not a span (30d, 12h, 90m, 45s; 0: never)")
    end
    lines[#lines + 1] = ("%.0f %s"):format(moment - now, date_of(2 * now - moment))
end
return accept(lines)
