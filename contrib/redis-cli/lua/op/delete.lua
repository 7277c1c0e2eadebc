-- Deletes one record. KEYS: the record. Words: kind.

local kind = netstrings(ARGV[1])[1]

if redis.call("DEL", KEYS[1]) == 0 then
    return refuse("no such " .. kind)
end
return accept({})
