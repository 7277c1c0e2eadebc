-- Sets what is used to nothing. KEYS: a counter, changes. Words: origin, its kind, "used" or "bucket".
-- Agents remember what they have seen used, and heal a counter that shows less; `reset`, UNIX milliseconds, tells them
-- that what they saw before does not count. All other fields are theirs.

local words = netstrings(ARGV[1])
local origin = take_origin(words)
local counter, fault = read_record(KEYS[1])
if fault then
    return refuse(fault)
end

local held = counter or {}
local changes = { reset = ("%.0f"):format(math.floor(server_us() / 1000)) }
if words[1] == "used" then
    changes.start, changes["end"], changes.used = held.start or "0", held["end"] or "0", "0"
elseif held.at then
    changes.debt, changes.rem = "0", "0"
end
write_record(origin, changed_record(counter, changes), counter)
return accept({})
