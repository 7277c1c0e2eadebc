# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# Failed authentications: what agents have counted of a user, a key or a source is forgotten, in Redis and
# by every agent. Read by reeve-admin.

# Counts that one script deletes, so that it holds no agent up.
unlock_batch=200

# name_failing <text>: sets $failing, as agent/shield/share.h has it.
name_failing() {
    failing=$(printf '%s\n%s' "$salt" "$1" | digest sha256 | cut -c 1-24)
}

# batch_counts: of $found the counts, so many on a line.
batch_counts() {
    printf '%s\n' "$found" | HEAD=${prefix}failed: MOST=$unlock_batch awk '
        index($0, ENVIRON["HEAD"]) == 1 && substr($0, length(ENVIRON["HEAD"]) + 1) ~ /^[a-z0-9]+:[a-z0-9]+$/ {
            line = line " " $0
            if (++count % ENVIRON["MOST"] == 0) {
                print line
                line = ""
            }
        }
        END { if (line != "") print line }'
}

# forget_failing <text> <whose key is told in the change> <user>: deletes what is counted of it, and tells
# the agents; adds to $forgotten. Where nothing is counted the one line is empty.
forget_failing() {
    name_failing "$1"
    case $1 in
    source:*) scan_keys "failed:*:$failing" ;;
    *) scan_keys "failed:$failing:*" ;;
    esac
    changed=${prefix}unlock:$failing
    while IFS= read -r batch; do
        change unlock "$changed" "$batch" "$2" "$3" || refuse "$2: $fault"
        forgotten=$((forgotten + answer))
    done <<END
$(batch_counts)
END
}

# unlock <user|key|source> <name>
unlock() {
    kind=$1 forgotten=0
    script subject '' "$1:$2" || refuse "unlock: $fault"
    name=${answer#*"$newline"}
    script salt "${prefix}failed:salt" || refuse "$kind $name: $fault"
    salt=$answer
    case $kind in
    user)
        percent_encode "$name"
        user=$encoded
        forget_failing "password:$name" "user:{$user}" "$user"
        rows key "$name"
        for id in $(printf '%s\n' "$rows" | sed "s/$tab.*//"); do
            forget_failing "key:$id" "key:$id" "$user"
        done
        ;;
    *) forget_failing "$kind:$name" "$kind:$name" '' ;;
    esac
    printf '%s %s: %s counts forgotten, agents told\n' "$kind" "$name" "$forgotten"
}
