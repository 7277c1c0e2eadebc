-- Records as rows of the report on access. KEYS: a record and its last uses, in turn; a role has none, so
-- its own key stands twice. ARGV: prefix, and in seconds, 0 for never: the age at which a secret is old,
-- after how long without a use it is unused, how long before its end it expires soon. Not netstrings:
-- many of these go to redis-cli as lines. It only reads. It looks at keys of several slots: SCAN, which
-- found them, does not cross the nodes of a cluster either.
--
-- A row, tab-separated, empty cells for what there is not: "row", kind, name as in the key, name, user,
-- state, created, rotated, expires, last used, old secret last used, findings (comma-separated), roles
-- of a user, what a user can be known by itself.

local head, now = ARGV[1], server_seconds()
local aged_s, unused_s, soon_s = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- Seconds, or nil where there is no good time.
local function seconds(text)
    return text and not check_time(text) and tonumber(text) or nil
end

local function date(at)
    return at and date_of(at) or ""
end

local function latest(...)
    local last
    for i = 1, select("#", ...) do
        local at = select(i, ...)
        last = at and math.max(last or at, at) or last
    end
    return last
end

local function is_over(at, span_s)
    return span_s > 0 and (not at or now - at > span_s)
end

-- Of the secret that rotation left: used since, while it counts.
local function old_secret_use(key, seen)
    local at = seconds(seen.hash2)
    local counts = key.hash2 and (seconds(key.hash2_until) or 0) > now
    return counts and at and at >= (seconds(key.rotated) or 0) and at or nil
end

-- What gives no access any more is only asked whether it should be there.
local function findings_of(kind, fields, state, last, old)
    local made = latest(seconds(fields.created), seconds(fields.rotated))
    local expires = seconds(fields.expires)
    local found = {}
    local function find(what, is_so)
        found[#found + 1] = is_so and what or nil
    end
    find(state, state == "bad_record" or state == "expired")
    if state == "active" or state == "not_yet" then
        find("expires_soon", soon_s > 0 and expires and expires - now <= soon_s)
        find("old", kind ~= "user" and made and is_over(made, aged_s))
        find("unused", kind ~= "user" and is_over(latest(last, made), unused_s))
        find("old_secret_used", old)
    end
    return table.concat(found, ",")
end

local function known_by_itself(fields, seen)
    return (fields.password or seen.token or seen.cert) and "yes" or ""
end

local function row_of(record_key, seen_key)
    local kind, name = record_key:sub(#head + 1):match("^([a-z]+):{?([^{}]*)}?$")
    local fields, fault = read_record(record_key)
    local seen = kind ~= "role" and read_record(seen_key) or {}
    if not fields and not fault then
        return nil
    end
    fields = fields or {}
    local state = fault and "bad_record" or view_state(kind, fields, now)
    local last = latest(seconds(seen.hash), seconds(seen.hash2), seconds(seen.password),
        seconds(seen.token), seconds(seen.cert))
    local old = kind == "key" and old_secret_use(fields, seen) or nil
    local is_role = kind == "role"
    return table.concat({ "row", kind, name, view_name(name), is_role and "" or
        view_text(fields.user or ""), state, date(seconds(fields.created)),
        date(seconds(fields.rotated)), date(seconds(fields.expires)), date(last), date(old),
        is_role and (state == "bad_record" and state or "") or
            findings_of(kind, fields, state, last, old),
        kind == "user" and view_text(fields.roles or "") or "", known_by_itself(fields, seen) }, "\t")
end

local rows = {}
for i = 1, #KEYS, 2 do
    rows[#rows + 1] = row_of(KEYS[i], KEYS[i + 1])
end
return rows
