-- Deletes one record, and when it was last seen: that says nothing of who has the name next. KEYS: the
-- record, changes, and where agents write uses of it seen:<kind>:<name>. Words: origin, kind.

local words = netstrings(ARGV[1])
local origin = take_origin(words)

local before, fault, is_part = read_changing(KEYS[1], kinds[words[1]].show)
if not before and not fault then
    return refuse("no such " .. words[1])
end
note_change(origin, nil, before, fault, is_part)
redis.call("DEL", KEYS[1])
if KEYS[3] then
    redis.call("DEL", KEYS[3])
end
return accept({})
