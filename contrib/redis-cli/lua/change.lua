-- Changes: whoever writes adds first, in the same step, who did it, how, and what it does to the record.
-- Where that can not be kept nothing is changed. KEYS[2] of an operation that writes is the stream,
-- <prefix>changes; its first word is the origin, netstrings of its own: who, host, how many changes are
-- kept, and the words of the command.
--
-- An entry's id is when, in milliseconds of the server's clock. Fields: who, host, command; key, without
-- the prefix; user, as in a key, where it is somebody's; before and after, SHA-1 of the record's sorted
-- fields, "-" where there is none, "?" of what is no hash, "~" and the SHA-1 of what the command looked at
-- where there are more than WHOLE_MOST fields, since that would hold agents up; fields, the names of those that differ. No
-- value is kept but what was typed, and no secret that was.

local TYPED_MOST, NAMES_MOST, WHOLE_MOST = 1024, 32, 250

-- Key texts, hashes of keys and passwords, tokens, and what stays of them.
local secrets = {
    { "rv_([0-9A-Za-z]+)_[0-9A-Za-z_]*", "rv_%1_***" },
    { "sha256:[^ ,]+", "sha256:***" },
    { "%$[A-Za-z0-9-]+%$[^ ]*", "$***" },
    { "eyJ[A-Za-z0-9_-]+%.[A-Za-z0-9._-]*", "***" },
}

-- Takes the origin off the words.
local function take_origin(words)
    local parts = netstrings(table.remove(words, 1))
    return { who = parts[1], host = parts[2], most = parts[3], typed = { unpack(parts, 4) } }
end

-- Fit for a terminal, and of bounded length.
local function kept_text(text)
    if #text > TYPED_MOST then
        return printable(text:sub(1, TYPED_MOST)) .. "..."
    end
    return view_text(text)
end

-- As a shell would take it.
local function kept_word(word)
    for _, secret in ipairs(secrets) do
        word = word:gsub(secret[1], secret[2])
    end
    if word == "" or word:find("[^A-Za-z0-9._@%%+=,:/*!-]") then
        return "'" .. word:gsub("'", "'\\''") .. "'"
    end
    return word
end

-- A token is known by the name of its record: the audit does not have its jti either.
local function kept_command(typed)
    local words = {}
    for i, word in ipairs(typed) do
        words[i] = kept_word(word)
    end
    if typed[1] == "token" and typed[3] ~= "--name" and typed[4] then
        words[4] = "***"
    end
    return kept_text(table.concat(words, " "))
end

-- As read_record(), but of a large record only the fields in `names`, and true.
local function read_changing(key, names)
    if redis.call("TYPE", key).ok ~= "hash" or redis.call("HLEN", key) <= WHOLE_MOST then
        return read_record(key)
    end
    local part = {}
    for i, value in ipairs(redis.call("HMGET", key, unpack(names))) do
        part[names[i]] = value or nil
    end
    return part, nil, true
end

-- `fault` where the key holds something that is no hash.
local function digest_of(fields, fault, is_part)
    if not fields then
        return fault and "?" or "-"
    end
    local parts = {}
    for _, name in ipairs(sorted_names(fields)) do
        parts[#parts + 1] = ("%d:%s,%d:%s,"):format(#name, name, #fields[name], fields[name])
    end
    return (is_part and "~" or "") .. redis.sha1hex(table.concat(parts))
end

-- Names of fields that differ; of many the first, and how many more.
local function differing(before, after)
    local all, names = {}, {}
    for _, fields in ipairs({ before, after }) do
        for name in pairs(fields) do
            all[name] = before[name] ~= after[name] or nil
        end
    end
    for _, name in ipairs(sorted_names(all)) do
        names[#names + 1] = printable(name):gsub(",", "\\x2c")
    end
    local more = #names - NAMES_MOST
    return table.concat(names, ",", 1, math.min(#names, NAMES_MOST)) .. (more > 0 and ",+" .. more or "")
end

-- Whose it is, as a user stands in a key: "" where it is nobody's.
local function owner_of(key, fields)
    local user = fields.user or ""
    if user ~= "" and not check_name(user) then
        return user
    end
    return key:match("^user:{([^}]*)}$") or key:match("{user:([^}]*)}") or ""
end

-- add_change: `key` without the prefix; `before`, `after` digests; `names` as differing() has them.
local function add_change(origin, key, user, before, after, names)
    redis.call("XADD", KEYS[2], "MAXLEN", "~", origin.most, "*", "who", kept_text(origin.who), "host",
        kept_text(origin.host), "command", kept_command(origin.typed), "key", kept_text(key), "user", user,
        "before", before, "after", after, "fields", names)
end

-- A key without the prefix, which is what stands before "changes" in the name of the stream.
local function bare_key(key)
    return key:sub(#KEYS[2] - #"changes" + 1)
end

-- What is about to become of KEYS[1]: the record as read_changing() gives it, and after, nil where there
-- will be none. Where nothing differs nothing is added.
local function note_change(origin, after, before, fault, is_part)
    local was, will = digest_of(before, fault, is_part), digest_of(after, nil, is_part)
    local key = bare_key(KEYS[1])
    if was ~= will then
        add_change(origin, key, owner_of(key, after or before or {}), was, will,
            differing(before or {}, after or {}))
    end
end

-- A record with changes, where "" deletes a field.
local function changed_record(before, changes)
    local after = {}
    for field, value in pairs(before or {}) do
        after[field] = value
    end
    for field, value in pairs(changes) do
        after[field] = value ~= "" and value or nil
    end
    return after
end

-- Notes what KEYS[1], which was read as `before`, becomes, then writes it. Fields come before others go, so the key and its time to
-- live stay.
local function write_record(origin, after, before, is_part)
    note_change(origin, after, before, nil, is_part)
    for field, value in pairs(after) do
        if not before or before[field] ~= value then
            redis.call("HSET", KEYS[1], field, value)
        end
    end
    for field in pairs(before or {}) do
        if not after[field] then
            redis.call("HDEL", KEYS[1], field)
        end
    end
end
