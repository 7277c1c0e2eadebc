-- Password hashes: PHC strings of scrypt and PBKDF2-SHA-256, one spelling for each value and bounds on
-- what one may cost. The grammar, and why, is in agent/base/phc.h. Never quoted.

-- "<name><decimal>" within least..most; nil otherwise.
local function cost_number(part, name, least, most)
    local digits = (part or ""):match("^" .. name .. "=([1-9][0-9]*)$")
    local number = digits and #digits <= 8 and tonumber(digits)
    return number and number >= least and number <= most and number or nil
end

local function check_scrypt(parts)
    local ln = cost_number(parts[1], "ln", 10, 20)
    local r = cost_number(parts[2], "r", 2, 32)
    local p = cost_number(parts[3], "p", 1, 64)
    if not (ln and r and p) or #parts ~= 3 then
        return "scrypt: not ln=10..20,r=2..32,p=1..64"
    elseif r * p * 2 ^ ln > 2 ^ 21 then
        return "scrypt: r * p * 2^ln is above 2^21"
    end
end

local function check_pbkdf2(parts)
    if not cost_number(parts[1], "i", 1000, 10000000) or #parts ~= 1 then
        return "pbkdf2-sha256: not i=1000..10000000"
    end
end

local check_cost = { scrypt = check_scrypt, ["pbkdf2-sha256"] = check_pbkdf2 }

-- Base64 without padding: there is no last group of one digit, and bits that carry nothing are zero.
local function check_bytes(text, least, most)
    local left = #text % 4
    local bytes = math.floor(#text * 3 / 4)
    local ends_well = left == 0 or left == 2 and text:find("[AQgw]$")
        or left == 3 and text:find("[AEIMQUYcgkosw048]$")
    return ends_well and text:find("^[A-Za-z0-9+/]*$") and bytes >= least and bytes <= most
end

local function check_password(text)
    if text:find("[^ -~]") then
        return "not a PHC string"
    end
    local scheme, cost, salt, hash = text:match("^%$([a-z0-9-]+)%$([^$]*)%$([^$]*)%$([^$]*)$")
    if not scheme or not check_cost[scheme] then
        return "not $scrypt$... or $pbkdf2-sha256$..."
    end
    local fault = check_cost[scheme](items_of(cost))
    if fault then
        return fault
    elseif not check_bytes(salt, 8, 64) then
        return "salt: not 8 to 64 bytes in base64 without padding"
    elseif not check_bytes(hash, 16, 64) then
        return "hash: not 16 to 64 bytes in base64 without padding"
    end
end
