-- A rate's counter: HASH debt rem at until exact pruned [reset] h:<holder>, a token bucket. `debt`
-- are the units taken and not refilled yet at the instant `at` (microseconds), `rem` the refill's
-- fraction in units of 1/period. Begins both of its scripts, whose arguments are
--   holder sequence last rate period_us burst seen seen_at ...
-- `seen` is the debt that the holder's last answer told, of the instant `seen_at`. What was seen
-- before `reset` (milliseconds), by which an operator set the debt to nothing, does not count.
--
-- A grant may be spent up to `life` after it, so over an interval T what is spent was granted
-- within T + life: leases come from burst - rate x life. Where that leaves too little of the
-- burst, grants are exact: spent as of now (life 0), and from all of it. Exact grants that follow
-- leases count those as granted a life later: `late` units more are not refilled yet.

local rate, period, burst = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local seen, seen_at = tonumber(ARGV[7]), tonumber(ARGV[8])

-- floor((a x b + rem) / c) and its remainder, for a, b < 2^32, c < 2^34 and rem < c, exactly while
-- the quotient is below 2^53.
local function multiply_divide(a, b, c, rem)
    local high, low = math.floor(b / 32768), b % 32768
    local first = a * high
    local upper = (first - first % c) / c
    local rest = first % c * 32768 + a * low + rem
    return upper * 32768 + (rest - rest % c) / c, rest % c
end

-- `debt` after `elapsed` microseconds, and the fraction.
local function refill(debt, rem, elapsed)
    local whole = math.floor(elapsed / period)
    if debt <= 0 or whole * rate >= debt then
        return 0, 0
    end
    local units, rest = multiply_divide(elapsed % period, rate, period, rem % period)
    debt = debt - whole * rate - units
    if debt <= 0 then
        return 0, 0
    end
    return debt, rest
end

local function answer(state, granted, debt, holders, life, wait)
    return { "state", state, "seq", digits(sequence), "granted", digits(granted), "used",
        digits(debt), "holders", digits(holders), "now", digits(now_us), "life", digits(life),
        "wait", digits(wait) }
end

local stored = redis.pcall("HMGET", KEYS[1], "debt", "rem", "at", "until", "exact", "pruned",
    "reset", holder)
if stored.err then
    return answer("bad", 0, 0, 0, 0, 0)
end
local debt, rem, at = number(stored[1]), number(stored[2]), number(stored[3])
local leased_until, exact_until = number(stored[4]), number(stored[5])
local pruned = number(stored[6])
local done, done_units = read_call(stored[8])
if not (debt and rem and at and leased_until and exact_until and pruned and done and done_units)
then
    return answer("bad", 0, 0, 0, 0, 0)
end
stored.n = 7
if seen_at < (number(stored[7]) or 0) * 1000 then
    seen = 0
end
local holders = count_holders(stored, stored[8])
local old_debt, old_rem, elapsed = debt, rem, math.max(0, now_us - at)
debt, rem = refill(old_debt, old_rem, elapsed)
-- The clock may have gone back: nothing stays reserved longer than it could have been asked for.
leased_until = math.min(leased_until, now_us + 100000)
exact_until = math.min(exact_until, now_us + 1000000)
if done < last then
    local told, told_rem = refill(seen, 0, math.max(0, now_us - seen_at))
    if told > debt then
        debt, rem, old_debt, old_rem, elapsed = told, told_rem, told, told_rem, 0
    end
end

-- The longest lease, and what of the burst it must leave: whole units, a tenth at most.
local life = math.min(100000, (multiply_divide(math.floor(burst / 10), period, rate, 0)))
local reserve = math.ceil(rate * life / period)
local late = reserve
if life < 10000 or reserve * 10 > burst or now_us < exact_until then
    life, reserve = 0, 0
end

-- Until `units` more are there.
local function wait_for(units)
    local whole, rest = multiply_divide(units, period, rate, 0)
    return math.min(1e15, math.max(1, whole - math.floor((rem - rest) / rate)))
end

local function finish(granted, wait)
    local full_ms = math.ceil(math.min(wait_for(debt) / 1000, 1e12))
    redis.call("HSET", KEYS[1], "debt", digits(debt), "rem", digits(rem), "at", digits(now_us),
        "until", digits(leased_until), "exact", digits(exact_until), "pruned",
        digits(prune(pruned)), holder, write_call(granted))
    redis.call("PEXPIRE", KEYS[1], digits(full_ms + 60000 + now_us % 60000))
    return answer("ok", granted, debt, holders, life, wait)
end
