-- What names are salted with. KEYS: failed:salt. ARGV: a new one, which counts where there is none.

redis.call("HSETNX", KEYS[1], "salt", ARGV[1])
return { "salt", redis.call("HGET", KEYS[1], "salt") }
