-- Adds what was admitted while the store was away to a rate's debt: ... owed.

if done >= sequence then
    return answer("ok", 0, debt, holders, life, 0)
end
debt = math.min(debt + tonumber(ARGV[9]), burst * 2)
return finish(0, 0)
