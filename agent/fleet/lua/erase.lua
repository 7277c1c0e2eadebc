-- What is known of an agent goes, unless another process has its name by now. KEYS: agent:<id>. ARGV:
-- boot.

local is_own = redis.call("HGET", KEYS[1], "boot") == ARGV[1]
return { "erased", tostring(is_own and redis.call("DEL", KEYS[1]) or 0) }
