-- Receipts: which agents have applied a change. ARGV[1] says what is asked of KEYS[1]. Not netstrings:
-- most of these go to redis-cli as lines.
--
--   a fence        fence                        is written; answers when, in microseconds
--   agents         agents                       answers the ids of those that count now
--   agent:<id>     agent ID [FENCE]             answers ID, workers, version, started, last heard of; with
--                                               the time of a fence also "old", or "new" where the agent
--                                               began after it and so knows nothing from before
--   ack:<fence>    acks FENCE "ID/WORKERS ..."  answers "receipt", how many of these have acknowledged,
--                                               after how many ms the last did, how old the fence is, and
--                                               "ID/<workers that did>" for each of the others

local asked = {}

local function whole(text)
    return text and text:find("^[0-9]+$") and #text <= 16 and tonumber(text) or nil
end

function asked.fence()
    local now = ("%.0f"):format(server_us())
    redis.call("SET", KEYS[1], now, "PX", 60000)
    return "row\t" .. now
end

function asked.agents()
    local after = ("(%.0f"):format(math.floor(server_us() / 1000))
    local rows = {}
    for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], after, "+inf")) do
        rows[#rows + 1] = not check_name(id) and "row\t" .. id or nil
    end
    return rows
end

function asked.agent()
    local workers, version, started, since, seen = unpack(redis.call("HMGET", KEYS[1], "workers",
        "version", "started", "since", "seen"))
    local began, heard = whole(since), whole(seen)
    local cells = { "row", ARGV[2], whole(workers) and workers or "?",
        version and version ~= "" and printable(version) or "?", "?", "?" }
    if started and not check_time(started) then
        cells[5] = date_of(tonumber(started))
    end
    if heard then
        local ago = math.max(0, server_us() / 1000 - heard) / 1000
        cells[6] = ("%.1f s ago"):format(ago)
    end
    if ARGV[3] then
        cells[7] = began and began * 1000 > tonumber(ARGV[3]) and "new" or "old"
    end
    return table.concat(cells, "\t")
end

-- How many workers of the agent have, and when the last of them did.
local function count_acks(acks, id, workers)
    local count, last = 0, 0
    for worker = 0, workers - 1 do
        local at = whole(acks[id .. "/" .. worker])
        count, last = count + (at and 1 or 0), math.max(last, at or 0)
    end
    return count, last
end

function asked.acks()
    local fence, now = tonumber(ARGV[2]), server_us()
    local acks = read_record(KEYS[1]) or {}
    local done, last, missing = 0, fence, {}
    for id, workers in ARGV[3]:gmatch("([^/ ]+)/([^/ ]+)") do
        local wanted = whole(workers)
        local count, at = count_acks(acks, id, wanted or 0)
        if count == wanted then
            done, last = done + 1, math.max(last, at)
        else
            missing[#missing + 1] = id .. "/" .. count
        end
    end
    return ("receipt %d %.0f %.0f %s"):format(done, math.ceil((last - fence) / 1000),
        math.floor((now - fence) / 1000), table.concat(missing, " "))
end

return asked[ARGV[1]]()
