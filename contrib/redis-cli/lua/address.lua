-- Addresses and prefixes: "10.0.0.0/8", "2001:db8::/32", or an address alone. As inet_pton() reads
-- them: four decimal numbers without leading zeros; IPv6 with at most one "::".

local function ipv4_bytes(text)
    local bytes = {}
    for number in (text .. "."):gmatch("([^.]*)%.") do
        if #number > 3 or check_number(number, 0, 255) then
            return nil
        end
        bytes[#bytes + 1] = tonumber(number)
    end
    return #bytes == 4 and bytes or nil
end

-- Appends the bytes of "a:b:c", the last group of which may be an IPv4 address where `is_tail`.
local function append_groups(bytes, text, is_tail)
    if text == "" then
        return true
    end
    local groups = {}
    for group in (text .. ":"):gmatch("([^:]*):") do
        groups[#groups + 1] = group
    end
    for i, group in ipairs(groups) do
        if #group <= 4 and group:find("^[0-9A-Fa-f]+$") then
            local value = tonumber(group, 16)
            bytes[#bytes + 1] = math.floor(value / 256)
            bytes[#bytes + 1] = value % 256
        else
            local last = i == #groups and is_tail and ipv4_bytes(group)
            if not last then
                return false
            end
            for _, byte in ipairs(last) do
                bytes[#bytes + 1] = byte
            end
        end
    end
    return true
end

local function ipv6_bytes(text)
    local bytes, tail = {}, {}
    local gap = text:find("::", 1, true)
    if not gap then
        return append_groups(bytes, text, true) and #bytes == 16 and bytes or nil
    end
    local is_good = append_groups(bytes, text:sub(1, gap - 1), false)
        and append_groups(tail, text:sub(gap + 2), true)
    if not is_good or #bytes + #tail > 14 then
        return nil
    end
    for _ = 1, 16 - #bytes - #tail do
        bytes[#bytes + 1] = 0
    end
    for _, byte in ipairs(tail) do
        bytes[#bytes + 1] = byte
    end
    return bytes
end

local function has_bits_beyond(bytes, bits)
    for i, byte in ipairs(bytes) do
        local fixed = math.max(0, math.min(8, bits - 8 * (i - 1)))
        if byte % 2 ^ (8 - fixed) ~= 0 then
            return true
        end
    end
    return false
end

-- Gives bytes and bits, or nil and a fault.
local function parse_prefix(text)
    local address, length = text:match("^([^/]*)/(.*)$")
    local bytes = ipv4_bytes(address or text) or ipv6_bytes(address or text)
    if not bytes then
        return nil, quote(text) .. " is not an IP address or prefix"
    end
    local most = 8 * #bytes
    if length and check_number(length, 0, most) then
        return nil, ("%s: the prefix length is not 0 to %d"):format(quote(text), most)
    end
    local bits = length and tonumber(length) or most
    if has_bits_beyond(bytes, bits) then
        return nil, quote(text) .. " has bits set beyond the prefix length"
    end
    return bytes, bits
end

local function check_prefix(text)
    local _, fault = parse_prefix(text)
    return type(fault) == "string" and fault or nil
end
