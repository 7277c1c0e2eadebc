-- Who a counter is of. No KEYS. Words: "SCOPE:ID". Answers scope and id as they are counted, a line
-- each, before percent-encoding.

-- IPv6 clients are counted by their /64 prefix, and IPv4-mapped addresses are IPv4, as the agents have
-- it. Of RFC 5952 that leaves little: the last four groups at least are the longest run of zeros.
local function check_source(text)
    local bytes = ipv6_bytes(text)
    if not bytes then
        return text, not ipv4_bytes(text) and quote(text) .. " is not an IP address" or nil
    end
    local groups, last = {}, 0
    for i = 1, 8 do
        groups[i] = bytes[2 * i - 1] * 256 + bytes[2 * i]
        last = i <= 4 and groups[i] > 0 and i or last
    end
    if last == 0 and groups[5] == 0 and groups[6] == 0xFFFF then
        return table.concat(bytes, ".", 13)
    end
    for i = 1, last do
        groups[i] = ("%x"):format(groups[i])
    end
    return table.concat(groups, ":", 1, last) .. "::"
end

local function check_global(text)
    return text, text ~= "all" and "the one global subject is global:all" or nil
end

local function check_named(kind)
    return function(text)
        return text, check_identity(kind, text)
    end
end

local scopes = {
    key = check_named("key"),
    user = check_named("user"),
    team = check_named("team"),
    role = check_named("role"),
    source = check_source,
    global = check_global,
}

local scope, text = netstrings(ARGV[1])[1]:match("^([a-z]*):(.*)$")
if not scopes[scope] then
    return refuse("not SCOPE:ID, with the scope key, user, team, role, source or global")
end
local id, fault = scopes[scope](text)
if fault then
    return refuse(fault)
end
return accept({ scope, id })
