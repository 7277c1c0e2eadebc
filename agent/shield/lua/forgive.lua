-- Forgets one subject. KEYS: failed:<credential>:<source>.

return { "gone", tostring(redis.call("DEL", KEYS[1])) }
