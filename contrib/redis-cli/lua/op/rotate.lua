-- A new secret for a key, beside which the old one counts for a while. KEYS: the key, changes. Words:
-- origin, hash and last4 of the new one, which secret goes where two count already ("": refused; "old": the older, which
-- has its end; "new": the newer, which nobody got), overlap=..., expires=... . Answers with warnings.

local words = netstrings(ARGV[1])
local origin = take_origin(words)
local hash, last4, drops = words[1], words[2], words[3]
local now = server_seconds()

local key, fault = read_record(KEYS[1])
fault = fault or key and check_record("key", key)
if fault then
    return refuse(fault)
elseif not key then
    return refuse("no such key")
end

local changes = {}
for i = 4, #words do
    local field, value = words[i]:match("^([^=]*)=(.*)$")
    if changes[field] then
        return refuse(field .. ": given twice")
    elseif value == "" then
        return refuse(field .. ": empty")
    end
    changes[field] = value
end

-- Gives the stored form, "" for never, or nil and a fault. A moment that is past would end the old
-- secret at once, and may have been meant as a span: only 0 says that.
local function end_of_overlap(text)
    if text == "0" or text == "0s" then
        return ""
    end
    local stored, wrong = time_from_operator(text, now)
    if stored and tonumber(stored) <= now then
        return nil, date_of(tonumber(stored)) .. " is past (0 ends the old secret at once)"
    end
    return stored, wrong
end

local function expiry(text)
    if text == "never" then
        return ""
    end
    return time_from_operator(text, now)
end

local runs_until = tonumber(key.hash2_until or "0")
local is_running = runs_until > now
if is_running and drops == "" then
    return refuse("two secrets count until " .. date_of(runs_until)
        .. " (key rotate end, --drop-old or --drop-new)")
elseif not is_running and drops == "new" then
    return refuse("--drop-new: only one secret counts")
end

local stays = drops == "new" and key.hash2 or key.hash
local stays_until = drops == "new" and not changes.overlap and key.hash2_until
if not stays_until then
    stays_until, fault = end_of_overlap(changes.overlap or "24h")
    if not stays_until then
        return refuse("overlap: " .. fault)
    end
end
local expires = key.expires or ""
if changes.expires then
    expires, fault = expiry(changes.expires)
    if not expires then
        return refuse("expires: " .. fault)
    end
end

write_record(origin, changed_record(key, {
    hash = hash,
    last4 = last4,
    rotated = ("%.0f"):format(now),
    hash2 = stays_until ~= "" and stays or "",
    hash2_until = stays_until,
    expires = expires,
}), key)

local lines = {}
if expires ~= "" and tonumber(expires) <= now then
    lines[1] = "expires: " .. date_of(tonumber(expires)) .. " is past"
end
if key.state == "disabled" then
    lines[#lines + 1] = "state: disabled, so no secret counts"
end
return accept(lines)
