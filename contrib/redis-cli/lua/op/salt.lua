-- What names of failed authentications are salted with. KEYS: failed:salt, which agents make. No words.

local salt = redis.call("HMGET", KEYS[1], "salt")[1]
if not salt then
    return refuse("no agent has counted anything in this Redis")
end
return accept({ salt })
