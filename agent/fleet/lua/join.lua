-- The other half: the agent counts. KEYS: agents, a sorted set of ids by the instant (ms) until which
-- each counts. ARGV: time to live (ms), id. Those whose time is over go.

redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", digits(now_ms))
redis.call("ZADD", KEYS[1], digits(now_ms + tonumber(ARGV[1])), ARGV[2])
redis.call("PEXPIREAT", KEYS[1], digits(redis.call("ZREVRANGE", KEYS[1], 0, 0, "WITHSCORES")[2]))
return { "now", digits(now_ms) }
