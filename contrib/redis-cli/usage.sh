# shellcheck shell=sh disable=SC2154 # variables are shared with reeve-admin and store.sh
# What has been used of limits: which limits can apply to a user, who they are counted of, and the
# counters, which agents write. Read by reeve-admin.

usage_titles='LIMIT SUBJECT VALUE USED REMAINING RESETS_AT'

# read_limit <name>: sets limit_scope, limit_kind ("used" or "bucket"), limit_fields and limit_text, or
# $fault.
read_limit() {
    record_key limit "$1"
    script limit "$record" || return 1
    {
        IFS= read -r limit_scope
        IFS= read -r limit_kind
        IFS= read -r limit_fields
        IFS= read -r limit_text
    } <<END
$answer
END
}

# add_counter <limit, as read> <subject>: its counter is to be asked for.
add_counter() {
    asked_for="$asked_for$prefix$limit_kind:{$2}:$1 $1 $2 $limit_fields$newline"
}

# add_row <limit> <cell>...: a row without a counter.
add_row() {
    rows_made="$rows_made$(printf '%s\t' "$@")-$tab-$tab-$newline"
}

print_usage() {
    rows=''
    [ -z "$asked_for" ] || evaluate_each counter "$asked_for"
    rows=$(printf '%s%s\n' "$rows_made" "$rows" | sort)
    print_rows "$usage_titles"
}

# held <what>: the names of that kind in $named.
held() {
    printf '%s\n' "$named" | sed -n "s/^$1 //p"
}

# add_named <kind> <name>: the limits it names. A record that is missing is told, and names nothing.
add_named() {
    record_key "$1" "$2"
    if script named "$record" "$1" "$2"; then
        named=$named$newline$answer
    else
        complain "warning: user $user: $1 $2: $fault"
    fi
}

# Sets $limits, lines "<limit> <role, or ->"; $team and $roles. The user lifts limits of its roles and
# of their rules, not its own or the team's.
find_limits() {
    record_key user "$user"
    script named "$record" user "$user" || refuse "user $user: $fault"
    named=$answer
    team=$(held team) roles=$(held role)
    [ -z "$team" ] || add_named team "$team"
    for role in $roles; do
        add_named role "$role"
    done
    limits=$(held limit | LIFTED=" $(held lifted | tr '\n' ' ')" awk '
        $2 == "-" || !index(ENVIRON["LIFTED"], " " $1 " ")' | sort -u)
}

# add_role_counters <limit>: of the roles that name it.
add_role_counters() {
    naming=$(printf '%s\n' "$limits" | LIMIT=$1 awk '$1 == ENVIRON["LIMIT"] && $2 != "-" { print $2 }')
    for role in $naming; do
        add_counter "$1" "role:$role"
    done
}

# add_key_counters <limit>: of each key of the user.
add_key_counters() {
    if [ -z "$keys_are_known" ]; then
        rows key "$user"
        keys=$(printf '%s\n' "$rows" | sed "s/$tab.*//") keys_are_known=yes
    fi
    for id in $keys; do
        add_counter "$1" "key:$id"
    done
}

# add_limit <limit>: the counters of it that requests of the user count in, or why there is none.
add_limit() {
    if ! read_limit "$1"; then
        add_row "$1" - "($fault)"
        return
    fi
    before=$asked_for
    case $limit_scope in
    user) percent_encode "$user" && add_counter "$1" "user:$encoded" ;;
    key) add_key_counters "$1" ;;
    team) [ -z "$team" ] || add_counter "$1" "team:$team" ;;
    role) add_role_counters "$1" ;;
    source) add_row "$1" '(each source)' "$limit_text" && return ;;
    global) add_counter "$1" global:all ;;
    esac
    [ "$asked_for" != "$before" ] || add_row "$1" "(no $limit_scope)" "$limit_text"
}

usage_of_user() {
    user=$1 asked_for='' rows_made='' keys_are_known=''
    find_limits
    for name in $(printf '%s\n' "$limits" | sed 's/ .*//' | sort -u); do
        add_limit "$name"
    done
    print_usage
}

# pick_counter USER LIMIT, or --subject SCOPE:ID LIMIT: sets $counted, as in keys, and reads the limit.
pick_counter() {
    if [ "${1-}" = --subject ]; then
        shift
        need 2 2 "$@"
        who=$1
    else
        need 2 2 "$@"
        who=user:$1
    fi
    script subject '' "$who" || refuse "$who: $fault"
    scope=${answer%%"$newline"*} id=${answer#*"$newline"}
    case $scope in
    source | global) encoded=$id ;;
    *)
        exists "$scope" "$id" || refuse "$scope $id: no such $scope"
        percent_encode "$id"
        ;;
    esac
    counted=$scope:$encoded
    read_limit "$2" || refuse "limit $2: $fault"
    [ "$limit_scope" = "$scope" ] || refuse "limit $2: counts by $limit_scope, not by $scope"
}

usage_show() {
    asked_for='' rows_made=''
    pick_counter "$@"
    shift $(($# - 1))
    add_counter "$1" "$counted"
    print_usage
}

usage_reset() {
    pick_counter "$@"
    shift $(($# - 1))
    change reset "$prefix$limit_kind:{$counted}:$1" '' "$limit_kind" || refuse "limit $1: $counted: $fault"
}
