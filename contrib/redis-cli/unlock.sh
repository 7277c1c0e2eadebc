# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# Failed authentications: what agents have counted of a user, a key or a source is forgotten, in Redis and
# by every agent. Read by reeve-admin.

# name_failing <text>: sets $failing, as agent/shield/share.h has it.
name_failing() {
    failing=$(printf '%s\n%s' "$salt" "$1" | digest sha256 | cut -c 1-24)
}

# forget_failing <text>: deletes what is counted of it, then tells the agents; adds to $forgotten.
forget_failing() {
    name_failing "$1"
    case $1 in
    source:*) scan_keys "failed:*:$failing" ;;
    *) scan_keys "failed:$failing:*" ;;
    esac
    if [ -n "$found" ]; then
        evaluate_each unlock "$(printf '%s\n' "$found" | sed 's/$/ count/')"
        forgotten=$((forgotten + $(printf '%s\n' "$rows" | grep -c 1)))
    fi
    evaluate_each unlock "${prefix}unlock:$failing agents"
    changed=${prefix}unlock:$failing
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
        forget_failing "password:$name"
        rows key "$name"
        for id in $(printf '%s\n' "$rows" | sed "s/$tab.*//"); do
            forget_failing "key:$id"
        done
        ;;
    *) forget_failing "$kind:$name" ;;
    esac
    printf '%s %s: %s counts forgotten, agents told\n' "$kind" "$name" "$forgotten"
}
