-- For issuing a key: does the user exist, and has it these roles? KEYS: the user. Words: the key's
-- roles, unchecked. Answers with warnings.

local user, fault = read_record(KEYS[1])
if not user then
    return refuse(fault or "no such user")
end

local held, lines = {}, {}
for _, role in ipairs(items_of(user.roles or "")) do
    held[role] = true
end
for _, role in ipairs(items_of(netstrings(ARGV[1])[1])) do
    if not held[role] then
        lines[#lines + 1] = "roles: " .. quote(role) .. " is not a role of the user"
    end
end
return accept(lines)
