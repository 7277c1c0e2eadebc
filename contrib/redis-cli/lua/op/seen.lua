-- When a credential was last used, a line for each use. KEYS: seen:<kind>:<name>, which agents write. No
-- words.

local uses, lines = { "hash", "hash2", "password", "token", "cert" }, {}
local seen, fault = read_record(KEYS[1])
if fault then
    return refuse("last use: " .. fault)
end
for _, use in ipairs(uses) do
    local at, by = (seen or {})[use], (seen or {})[use .. "_by"]
    if at then
        local moment = check_time(at) and "?" or date_of(tonumber(at))
        lines[#lines + 1] = ("last use by %s: %s at %s"):format(use, moment, view_text(by or "?"))
    end
end
return accept(lines)
