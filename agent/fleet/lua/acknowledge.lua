-- A worker has applied every change before a fence. KEYS: ack:<fence id>. ARGV: <agent id>/<worker>.
-- Its first answer stays: a repeated one must not make it look later.

redis.call("HSETNX", KEYS[1], ARGV[1], digits(now_us))
redis.call("PEXPIRE", KEYS[1], 60000)
return { "now", digits(now_us) }
