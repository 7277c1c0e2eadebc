-- Records: which fields each kind has and what may stand in them. The agent's side is
-- agent/directory/record.c. Unknown fields are refused: a misspelt restriction must not be ignored.

local ROLES_MOST, LIMITS_MOST, PREFIXES_MOST, RULES_MOST = 32, 32, 64, 20000

local function check_choice(...)
    local choices, allowed = { ... }, {}
    for _, choice in ipairs(choices) do
        allowed[choice] = true
    end
    return function(text)
        if not allowed[text] then
            return quote(text) .. " is not " .. table.concat(choices, " or ")
        end
    end
end

local function check_names(most)
    return function(text)
        return check_list(text, most, check_name)
    end
end

-- Of a user: "!y" lifts a role's limit.
local function check_user_limits(text)
    local function bare(item)
        return (item:gsub("^!", ""))
    end
    return check_list(text, LIMITS_MOST, function(item)
        return check_name(bare(item))
    end, bare)
end

local function check_prefixes(text)
    if text == "" then
        return "empty"
    end
    return check_list(text, PREFIXES_MOST, check_prefix)
end

-- Hashes and passwords are never quoted.
local function check_hash(text)
    local digest = text:match("^sha256:([0-9a-f]+)$")
    if not digest then
        local pepper
        pepper, digest = text:match("^hmac%-sha256:([A-Za-z0-9._-]+):([0-9a-f]+)$")
        digest = pepper and #pepper <= 32 and digest
    end
    if not digest or #digest ~= 64 then
        return "neither sha256:<hex> nor hmac-sha256:<pepper id>:<hex>"
    end
end

local function check_fingerprint(text)
    if #text ~= 64 or not text:find("^[0-9a-f]+$") then
        return quote(text) .. " is not a fingerprint (64 of 0-9 a-f)"
    end
end

local function check_last4(text)
    if not text:find("^[0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z]$") then
        return quote(text) .. " is not four characters of 0-9 A-Z a-z"
    end
end

local function check_label(text)
    return check_text(text, 256)
end

local function check_priority(text)
    return check_number(text, 0, 2047)
end

local check_state = check_choice("active", "disabled")
local check_mode = check_choice("enforce", "shadow")

-- `show` is the order of printing; `required` what must be there; `default` what is written when
-- nothing is said, so that no record is ever without fields; `bonds` and `whole` what holds between
-- fields.
local kinds = {
    key = {
        show = { "user", "state", "roles", "allow_from", "cert", "not_before", "expires", "label",
            "created", "rotated", "last4", "hash", "hash2", "hash2_until" },
        required = { "user", "hash", "state" },
        default = { state = "active" },
        bonds = { { "hash2", "needs", "hash2_until" }, { "hash2_until", "needs", "hash2" } },
        check = {
            user = check_name,
            hash = check_hash,
            hash2 = check_hash,
            hash2_until = check_time,
            state = check_state,
            not_before = check_time,
            expires = check_time,
            last4 = check_last4,
            roles = check_names(ROLES_MOST),
            allow_from = check_prefixes,
            cert = check_fingerprint,
            label = check_label,
            created = check_time,
            rotated = check_time,
        },
    },
    user = {
        show = { "state", "team", "roles", "limits", "allow_from", "expires", "tokens_not_before",
            "password", "note" },
        required = { "state" },
        default = { state = "active" },
        check = {
            state = check_state,
            roles = check_names(ROLES_MOST),
            team = check_name,
            limits = check_user_limits,
            allow_from = check_prefixes,
            expires = check_time,
            tokens_not_before = check_time,
            password = check_password,
            note = check_label,
        },
    },
    team = {
        show = { "state", "limits", "note" },
        required = { "state" },
        default = { state = "active" },
        check = { state = check_state, limits = check_names(LIMITS_MOST), note = check_label },
    },
    limit = {
        show = { "mode", "rate", "burst", "quota", "per", "tz", "scope", "on_store_down", "note" },
        required = {},
        default = {},
        bonds = {
            { "rate", "or else", "quota" },
            { "rate", "excludes", "quota" },
            { "burst", "needs", "rate" },
            { "quota", "needs", "per" },
            { "per", "needs", "quota" },
            { "tz", "needs", "quota" },
        },
        whole = check_limit,
        check = {
            rate = check_rate,
            burst = check_burst,
            quota = check_quota,
            per = check_choice("minute", "hour", "day", "week", "month"),
            tz = check_zone,
            scope = check_choice("key", "user", "team", "role", "source", "global"),
            on_store_down = check_outage,
            mode = check_mode,
            note = check_label,
        },
    },
    cert = {
        show = { "user", "state", "roles", "expires", "label", "created" },
        required = { "user", "state" },
        default = { state = "active" },
        check = {
            user = check_name,
            state = check_state,
            expires = check_time,
            roles = check_names(ROLES_MOST),
            label = check_label,
            created = check_time,
        },
    },
    revoked = {
        show = { "until", "note" },
        required = { "until" },
        default = {},
        check = { ["until"] = check_time, note = check_label },
    },
    role = {
        show = { "mode", "priority", "limits", "note" },
        required = {},
        default = { mode = "enforce" },
        check = {
            limits = check_names(LIMITS_MOST),
            priority = check_priority,
            mode = check_mode,
            note = check_label,
        },
    },
}

local function rule_id(kind, field)
    return kind == "role" and field:match("^rule:(.*)$") or nil
end

local function check_field(kind, field, value)
    local id = rule_id(kind, field)
    if id then
        return check_name(id) or check_rule(value)
    end
    local check = kinds[kind].check[field]
    if not check then
        return "no such field"
    end
    return check(value)
end

-- The stored record, a table of fields; nil where there is none. `fault` where the key holds
-- something that is no hash.
local function read_record(key)
    local found = redis.call("TYPE", key).ok
    if found ~= "hash" and found ~= "none" then
        return nil, "the key holds a " .. found .. ", not a hash"
    end
    local flat, fields = redis.call("HGETALL", key), {}
    for i = 1, #flat, 2 do
        fields[flat[i]] = flat[i + 1]
    end
    return #flat > 0 and fields or nil
end

local function sorted_names(fields)
    local names = {}
    for name in pairs(fields) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

-- What a bond asks for: whether it holds, and what is said where it does not.
local relations = {
    needs = { function(field, other)
        return not field or other
    end, "goes only with" },
    excludes = { function(field, other)
        return not field or not other
    end, "never goes with" },
    ["or else"] = { function(field, other)
        return field or other
    end, "missing, and no" },
}

-- What must be there, and what holds between fields; gives nil or "field: fault".
local function check_whole(kind, fields)
    for _, name in ipairs(kinds[kind].required) do
        if not fields[name] then
            return name .. ": missing"
        end
    end
    for _, bond in ipairs(kinds[kind].bonds or {}) do
        local holds, fault = unpack(relations[bond[2]])
        if not holds(fields[bond[1]], fields[bond[3]]) then
            return ("%s: %s %s"):format(bond[1], fault, bond[3])
        end
    end
    return kinds[kind].whole and kinds[kind].whole(fields)
end

-- A whole record; gives nil or "field: fault".
local function check_record(kind, fields)
    local rules = 0
    for _, name in ipairs(sorted_names(fields)) do
        local fault = check_field(kind, name, fields[name])
        if fault then
            return printable(name) .. ": " .. fault
        end
        rules = rules + (rule_id(kind, name) and 1 or 0)
    end
    if rules > RULES_MOST then
        return "more than 20000 rules"
    end
    return check_whole(kind, fields)
end

-- What a record may be called. A JWT's subject may be any text; the program percent-encodes it.
local function check_identity(kind, name)
    if kind == "key" then
        return not name:find("^" .. ("[0-9A-Za-z]"):rep(10) .. "$") and "not a keyid" or nil
    elseif kind == "cert" then
        return not name:find("^" .. ("[0-9a-f]"):rep(64) .. "$") and "not a fingerprint" or nil
    elseif kind == "user" then
        return name == "" and "a user needs a name" or check_text(name, 256)
    end
    return check_name(name)
end
