-- The agent counts no more. KEYS: agents. ARGV: id.

return { "left", tostring(redis.call("ZREM", KEYS[1], ARGV[1])) }
