# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin
# The store, by way of redis-cli: its address, the keys of records, and scripts run in it. Read by
# reeve-admin, which sets $prefix and $lua_dir. What may be secret goes through stdin or
# REDISCLI_AUTH.

patience=''       # seconds that a redis-cli may take
awaits_receipt='' # the change was made
sha_of=''         # the operation that $sha is of

store_failed() {
    complain "${awaits_receipt:+changed, but there is no receipt: }redis: ${1%%"$newline"*}"
    exit 3
}

# percent_decode <text>: sets $decoded.
percent_decode() {
    decoded='' encoded=$1
    while :; do
        case $encoded in
        *%*) decoded=$decoded${encoded%%\%*} encoded=${encoded#*\%} ;;
        *) break ;;
        esac
        case $encoded in
        00*) return 1 ;;
        [0-9A-Fa-f][0-9A-Fa-f]*) ;;
        *) return 1 ;;
        esac
        hex_xor "${encoded%"${encoded#??}"}" 0
        byte=$(printf '%b.' "$escapes")
        decoded=$decoded${byte%.} encoded=${encoded#??}
    done
    decoded=$decoded$encoded
}

# Sets redis_socket or redis_host and redis_port; redis_db, redis_user, redis_password.
parse_address() {
    address=${REEVE_REDIS:-redis://127.0.0.1:6379}
    redis_socket='' redis_host='' redis_port=6379 redis_db=0 redis_user='' redis_password=''
    case $address in
    unix://*) parse_unix "${address#unix://}" || return 1 ;;
    redis://*) parse_tcp "${address#redis://}" ;;
    *) return 1 ;;
    esac
    case $redis_db$redis_port in
    *[!0-9]*) return 1 ;;
    esac
    case $redis_host in
    -* | *[!A-Za-z0-9._:-]*) return 1 ;;
    esac
    [ -n "$redis_socket$redis_host" ] && [ -n "$redis_db" ] && [ -n "$redis_port" ]
}

# parse_unix <what follows "unix://">
parse_unix() {
    redis_socket=$1
    case $1 in
    /*) ;;
    ?*@/*)
        redis_socket=/${1#*@/}
        parse_login "${1%%@/*}" || return 1
        ;;
    *) return 1 ;;
    esac
    case $redis_socket in
    *'?db='*) redis_db=${redis_socket##*'?db='} redis_socket=${redis_socket%'?db='*} ;;
    esac
}

# parse_tcp <what follows "redis://">
parse_tcp() {
    place=${1##*@}
    case $1 in
    *@*) parse_login "${1%@*}" || return 1 ;;
    esac
    case $place in
    */*) redis_db=${place#*/} place=${place%%/*} ;;
    esac
    redis_db=${redis_db:-0}
    case $place in
    \[*\]) redis_host=${place#\[} redis_host=${redis_host%\]} ;;
    \[*\]:*) redis_port=${place##*\]:} redis_host=${place#\[} redis_host=${redis_host%\]:*} ;;
    *:*) redis_port=${place##*:} redis_host=${place%:*} ;;
    *) redis_host=$place ;;
    esac
}

# parse_login <user[:password]>
parse_login() {
    case $1 in
    *[@/?#]*) return 1 ;;
    esac
    percent_decode "${1%%:*}" || return 1
    redis_user=$decoded
    case $1 in
    *:*)
        percent_decode "${1#*:}" || return 1
        redis_password=$decoded
        ;;
    esac
    [ -z "$redis_user" ] || [ -n "$redis_password${REDISCLI_AUTH:-}" ]
}

# redis <argument>...: redis-cli, connected as REEVE_REDIS says; ended after $patience seconds where
# that is set.
redis() {
    if [ -n "$redis_user" ]; then
        set -- --user "$redis_user" "$@"
    fi
    if [ "$redis_db" -ne 0 ]; then
        set -- -n "$redis_db" "$@"
    fi
    if [ -n "$redis_socket" ]; then
        set -- -s "$redis_socket" "$@"
    else
        set -- -h "$redis_host" -p "$redis_port" "$@"
    fi
    set -- redis-cli "$@"
    if [ -n "$patience" ]; then
        set -- timeout "$patience" "$@"
    fi
    if [ -n "$redis_password" ]; then
        REDISCLI_AUTH=$redis_password "$@"
    else
        "$@"
    fi
}

# The whole text of a script: what all share, then the operation.
script_text() {
    (cd "$lua_dir" &&
        cat text.lua time.lua address.lua rule.lua limit.lua password.lua record.lua view.lua change.lua "op/$1.lua")
}

# find_sha <operation>: sets $sha.
find_sha() {
    if [ "$sha_of" != "$1" ]; then
        sha=$(script_text "$1" | digest sha1) sha_of=$1
    fi
}

load_script() {
    loaded=$(script_text "$1" | redis -x SCRIPT LOAD 2>&1)
    [ "$loaded" = "$sha" ] || store_failed "$loaded"
}

# netstrings <word>...: "<length>:<bytes>,"
netstrings() {
    for word; do
        printf '%d:%s,' ${#word} "$word"
    done
}

# script <operation> <key, or nothing> <word>...: 0 and the answer's lines in $answer, or 1 and
# $fault.
script() {
    operation=$1 key=$2 further=''
    shift 2
    run_script "$@"
}

# find_origin: sets $origin, as lua/change.lua has it, of the words in $typed.
find_origin() {
    kept=${REEVE_CHANGES_KEPT-100000}
    case $kept in
    '' | 0* | *[!0-9]* | ??????????*)
        complain 'REEVE_CHANGES_KEPT: expected a number from 1 to 999999999'
        exit 2
        ;;
    esac
    operator=${REEVE_OPERATOR:-${SUDO_USER:-${USER:-$(id -un 2>/dev/null)}}}
    origin=$(netstrings "$operator" "$(uname -n)" "$kept")$typed
}

# change <operation> <key> <further keys without blanks, or nothing> <word>...: as script, of an operation
# that writes, and notes who did it.
change() {
    operation=$1 key=$2 further="${prefix}changes $3"
    shift 3
    find_origin
    run_script "$origin" "$@"
}

# run_script <word>...: $operation on $key and $further.
run_script() {
    find_sha "$operation"
    answer=$(netstrings "$@" | evaluate)
    case $newline$answer in
    *"${newline}NOSCRIPT "*)
        load_script "$operation"
        answer=$(netstrings "$@" | evaluate)
        ;;
    esac
    case $newline$answer$newline in
    *"${newline}reeve:ok$newline"*)
        answer=${answer#*reeve:ok}
        answer=${answer#"$newline"}
        ;;
    *"${newline}reeve:no$newline"*)
        fault=${answer#*"reeve:no$newline"}
        return 1
        ;;
    *) store_failed "$answer" ;;
    esac
}

evaluate() {
    # shellcheck disable=SC2086 # keys, one by one
    set -- ${key:+"$key"} $further
    redis -x EVALSHA "$sha" $# "$@" 2>&1
}

# record_key <kind> <name>: sets $record. Users have a hash tag, and bytes outside [A-Za-z0-9._@-] as
# %HH, as record_key() in agent/directory has it.
record_key() {
    record=$prefix$1:$2
    if [ "$1" = user ]; then
        percent_encode "$2"
        record="${prefix}user:{$encoded}"
    fi
}

# percent_encode <text>: sets $encoded.
percent_encode() {
    encoded=$1
    case $1 in
    *[!A-Za-z0-9._@-]*) ;;
    *) return ;;
    esac
    encoded=''
    for byte in $(printf '%s' "$1" | od -An -v -tx1); do
        hex_xor "$byte" 0
        char=$(printf '%b.' "$escapes")
        case ${char%.} in
        [A-Za-z0-9._@-]) encoded=$encoded${char%.} ;;
        *) encoded=$encoded%$(printf '%s' "$byte" | tr a-f A-F) ;;
        esac
    done
}

# exists <kind> <name>
exists() {
    record_key "$1" "$2"
    answer=$(redis EXISTS "$record" 2>&1)
    case $answer in
    1) ;;
    0) return 1 ;;
    *) store_failed "$answer" ;;
    esac
}

# print_keys <pattern behind the prefix>: the keys in Redis that it matches, or what went wrong.
print_keys() {
    pattern=$(printf '%s' "$prefix" | sed 's/[][*?\\]/\\&/g')$1
    redis --scan --pattern "$pattern" 2>&1 </dev/null
}

# scan_keys <pattern behind the prefix>: sets $found.
scan_keys() {
    found=$(print_keys "$1") || store_failed "$found"
}

# well_formed <kind>: of keys on stdin those that can be of that kind's records, sorted.
well_formed() {
    HEAD=$prefix$1: awk '
        index($0, ENVIRON["HEAD"]) == 1 {
            name = substr($0, length(ENVIRON["HEAD"]) + 1)
            if (name ~ /^(\{[A-Za-z0-9._@%-]+\}|[A-Za-z0-9._@-]+)$/) print
        }' | sort -u
}

# scan <kind>: sets $found, the keys of the kind's records.
scan() {
    scan_keys "$1:*"
    found=$(printf '%s\n' "$found" | well_formed "$1")
}

# scan_to <kind> <file>: the same, into a file.
scan_to() {
    print_keys "$1:*" >"$2.all" || store_failed "$(cat "$2.all")"
    well_formed "$1" <"$2.all" >"$2"
}

# rows <kind> [user]: sets $rows, a line for each record, columns separated by tabs. Only users with
# plain names have keys.
rows() {
    case ${2-} in
    *[!A-Za-z0-9._@-]*)
        rows=''
        return
        ;;
    esac
    scan "$1"
    evaluate_each row "$(printf '%s\n' "$found" | HEAD=$prefix$1: KIND=$1 ONLY=${2-} awk '
        $0 != "" {
            name = substr($0, length(ENVIRON["HEAD"]) + 1)
            gsub(/[{}]/, "", name)
            print $0, ENVIRON["KIND"], name, ENVIRON["ONLY"]
        }')"
}

# evaluate_each <operation> <lines>: sets $rows, what it answers to each line, a key and arguments
# without blanks or quotes. One connection evaluates them all, each in its own slot.
evaluate_each() {
    find_sha "$1"
    for _ in 1 2 3; do
        rows=$(evaluate_lines "$2") && return
        case ${rows##*"$newline"} in
        'NOSCRIPT '*) load_script "$1" ;;
        *) break ;;
        esac
    done
    store_failed "${rows##*"$newline"}"
}

# evaluate_lines <lines>: prints rows. The first line that is no answer ends it, and is the last that is
# printed.
evaluate_lines() {
    printf '%s\n' "$1" | sed -n "s/^./EVALSHA $sha 1 &/p" | redis 2>&1 | awk '
        /^row\t/ { print substr($0, 5); next }
        !/^(gone|-|)$/ { print; status = 1; exit }
        END { exit status }'
}
