# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# Receipts: after a change was answered a fence is written; each worker of each agent acknowledges it
# once it has applied everything before it. And the agents, as they are present in Redis. Read by
# reeve-admin.

# One redis-cli looks so often, so many times; then it is looked who is still there.
poll_interval=0.005
poll_count=50

# list_agents: sets $agent_ids, a line each.
list_agents() {
    evaluate_each receipt "${prefix}agents agents"
    agent_ids=$rows
}

# describe_agents [fence's time]: sets $rows for $agent_ids.
describe_agents() {
    rows=''
    [ -n "$agent_ids" ] || return 0
    lines=''
    for id in $agent_ids; do
        lines="$lines${prefix}agent:$id agent $id${1:+ $1}$newline"
    done
    evaluate_each receipt "$lines"
}

print_agents() {
    list_agents
    describe_agents
    print_rows 'AGENT WORKERS VERSION STARTED HEARD_OF'
}

forget_agent() {
    change forget "${prefix}agent:$1" "${prefix}agents" "$1" || refuse "agent $1: $fault"
}

# write_fence: sets $fence_us, $ack and $agent_ids, who counts after it was written. A fence stands
# beside what was changed in a cluster: it has its hash tag, or its whole name as one.
write_fence() {
    tag=$changed
    case $tag in
    *'{'*'}'*) tag=${tag#*'{'} tag=${tag%%'}'*} ;;
    esac
    # shellcheck disable=SC2046 # bytes, one by one
    fence_id=$(printf '%s' $(od -An -v -tx1 -N 16 /dev/urandom))
    ack=${prefix}ack:$fence_id
    evaluate_each receipt "$prefix~fence:{$tag}:$fence_id fence$newline${prefix}agents agents"
    fence_us=${rows%%"$newline"*}
    [ -n "$fence_us" ] || store_failed 'no answer in time'
    agent_ids=${rows#"$fence_us"}
}

# find_waited: sets $waited, "<id>/<workers> ..." of those in $agent_ids that are older than the fence,
# and $waited_count.
find_waited() {
    waited='' waited_count=0
    describe_agents "$fence_us"
    while IFS=$tab read -r id workers version started heard age; do
        if [ "$age" = old ]; then
            waited="$waited$id/$workers " waited_count=$((waited_count + 1))
        fi
    done <<END
$rows
END
}

# drop_departed: whoever is gone by now has nothing to acknowledge.
drop_departed() {
    before=$agent_ids
    list_agents
    present=$newline$agent_ids$newline agent_ids=''
    for id in $before; do
        case $present in
        *"$newline$id$newline"*) agent_ids="$agent_ids$id$newline" ;;
        esac
    done
}

# Reads what polls answer until all have acknowledged or the time is up; prints the last.
last_poll() {
    last=''
    while IFS= read -r line; do
        last=$line
        case $line in
        'receipt '*) ;;
        *) break ;;
        esac
        poll_says "$line"
        if [ -z "$missing" ] || [ "$fence_age_ms" -ge "$wait_ms" ]; then
            break
        fi
    done
    printf '%s\n' "$last"
}

# poll_says <answer>: sets $acked, $last_ms, $fence_age_ms and $missing.
poll_says() {
    read -r _ acked last_ms fence_age_ms missing <<END
$1
END
}

# poll: looks for acknowledgements, for a quarter of a second at most.
poll() {
    find_sha receipt
    polled=$(printf '%s' "$waited" |
        redis -r "$poll_count" -i "$poll_interval" -x EVALSHA "$sha" 1 "$ack" acks "$fence_us" 2>&1 |
        last_poll)
    case $polled in
    'receipt '*) poll_says "$polled" ;;
    'NOSCRIPT '*) load_script receipt && poll ;;
    '') store_failed 'no answer in time' ;;
    *) store_failed "$polled" ;;
    esac
}

# complain_missing: who has not acknowledged, and since when nothing was heard of it.
complain_missing() {
    find_waited
    while IFS=$tab read -r id workers version started heard age; do
        case " $missing " in
        *" $id/"*) ;;
        *) continue ;;
        esac
        count=" $missing" count=${count##*" $id/"} count=${count%% *}
        complain "agent $id: $count of $workers workers acknowledged, last heard of $heard"
    done <<END
$rows
END
}

# await_receipt: for $changed, at most $wait_s seconds. Status 1 where somebody is missing.
await_receipt() {
    awaits_receipt=yes wait_ms=$((wait_s * 1000))
    if command -v timeout >/dev/null; then
        patience=$((wait_s + 1))
    fi
    write_fence
    find_waited
    poll
    while [ -n "$missing" ] && [ "$fence_age_ms" -lt "$wait_ms" ]; do
        drop_departed
        find_waited
        poll
    done
    if [ "$waited_count" -eq 0 ]; then
        printf '0/0 agents\n'
        complain 'no agent is present; one that is cut off from Redis would not be known'
        return 1
    elif [ -z "$missing" ]; then
        printf '%s/%s agents, %s ms\n' "$acked" "$waited_count" "$last_ms"
    else
        printf '%s/%s agents in %s s\n' "$acked" "$waited_count" "$wait_s"
        complain_missing
        return 1
    fi
}
