# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# audit-access: which keys, users, roles and certificates give access, and which of them need a look. All
# that grows with their number is in files and pipes, sorted by sort(1), so memory is bounded. Read by
# reeve-admin.

# Records in one call: few, so that it holds no agent up.
audit_batch=20
audit_kinds='key user role cert'
audit_findings='bad_record expired expires_soon old unused old_secret_used no_user no_credential nobody'
audit_columns='kind name user state created rotated expires last_used old_secret_used findings'

audit_quit() {
    rm -rf "$audit_dir"
}

# audit_list <what is allowed> <option> <names>: sets $listed, with blanks around each.
audit_list() {
    listed=' '
    for name in $(printf '%s' "$3" | tr ',' ' '); do
        case " $1 " in
        *" $name "*) listed="$listed$name " ;;
        *) misuse "$2: no such name '$name' (there are: $1)" ;;
        esac
    done
    [ "$listed" != ' ' ] || misuse "$2: empty"
}

# audit_options <word>...: sets format, all, sort_by, kinds, only, held and the spans.
audit_options() {
    format=text all='' sort_by=kind kinds=" $audit_kinds " only='' held=''
    span_old=365d span_unused=90d span_expires=14d
    for word; do
        case $word in
        --all) all=yes ;;
        --format=text | --format=csv | --format=json) format=${word#*=} ;;
        --sort=*)
            sort_by=${word#*=}
            audit_list "kind name user state created rotated expires last_used" --sort "$sort_by"
            ;;
        --kind=*) audit_list "$audit_kinds" --kind "${word#*=}" && kinds=$listed ;;
        --only=*) audit_list "$audit_findings" --only "${word#*=}" && only=$listed ;;
        --held=*) held=${word#*=} ;;
        --old=*) span_old=${word#*=} ;;
        --unused=*) span_unused=${word#*=} ;;
        --expires=*) span_expires=${word#*=} ;;
        *) misuse "audit-access: unknown option $word" ;;
        esac
    done
    case $sort_by in
    *,*) misuse '--sort: one name' ;;
    esac
}

# Sets $spans, the seconds, and $unused_since, a date or nothing.
audit_spans() {
    script spans '' "old=$span_old" "unused=$span_unused" "expires=$span_expires" || misuse "$fault"
    spans=$(printf '%s\n' "$answer" | sed 's/ .*//' | tr '\n' ' ')
    unused_since=$(printf '%s\n' "$answer" | sed -n '2s/^[1-9][0-9]* //p')
}

# audit_read <kind>: appends rows.
audit_read() {
    scan_to "$1" "$audit_dir/names"
    find_sha access
    HEAD=$prefix SHA=$sha SPANS=$spans MOST=$audit_batch awk '
        function flush() {
            if (count) print "EVALSHA", ENVIRON["SHA"], 2 * count keys, ENVIRON["HEAD"], ENVIRON["SPANS"]
            count = 0
            keys = ""
        }
        {
            keys = keys " " $0 " " ENVIRON["HEAD"] "seen:" substr($0, length(ENVIRON["HEAD"]) + 1)
            if (++count == ENVIRON["MOST"]) flush()
        }
        END { flush() }' "$audit_dir/names" | redis >"$audit_dir/answers" 2>&1
    awk '
        /^row\t/ { print substr($0, 5) > rows; next }
        $0 != "" { print; exit }' rows="$audit_dir/$1" "$audit_dir/answers" >"$audit_dir/fault"
    [ ! -s "$audit_dir/fault" ] || store_failed "$(cat "$audit_dir/fault")"
}

# Rows of keys, certificates and users, by user: whether there is that user, and when it was seen last.
audit_join_users() {
    touch "$audit_dir/key" "$audit_dir/cert" "$audit_dir/user"
    awk -F '\t' '
        $1 == "user" { print $2 "\t0\t" $0; print $2 "\t2\t" $0; next }
        { print $4 "\t1\t" $0 }' "$audit_dir/key" "$audit_dir/cert" "$audit_dir/user" |
        sort -t "$tab" -k 1,1 -k 2,2n |
        UNUSED=$unused_since awk -F '\t' '
            function find(what) {
                $13 = $13 ($13 == "" ? "" : ",") what
            }
            function row(i, line) {
                line = $3
                for (i = 5; i <= 13; i++) line = line "\t" $i
                print line
            }
            BEGIN { OFS = "\t" }
            function latest(a, b) {
                return a > b ? a : b
            }
            $2 == 0 { user = $1; exists = 1; last = ""; has = ""; since = ""; next }
            $2 == 1 {
                if (!exists || user != $1) find("no_user")
                else last = latest(last, $11)
                if ($7 == "active" || $7 == "not_yet") {
                    has = 1
                    since = latest(since, latest($8, $9))
                }
                row()
            }
            $2 == 2 {
                $11 = latest(last, $11)
                if ($7 == "active") {
                    if (!has && $15 == "") find("no_credential")
                    if (ENVIRON["UNUSED"] != "" && latest($11, since) < ENVIRON["UNUSED"]) find("unused")
                }
                row()
            }'
}

# Rows of roles: whether a user has it, or --held says that something else has.
audit_join_roles() {
    touch "$audit_dir/role"
    {
        printf '%s\n' "$held" | tr ',' '\n' | sed -n "s/.\$/&${tab}0/p"
        awk -F '\t' '{
            count = split($12, roles, ",")
            for (i = 1; i <= count; i++) print roles[i] "\t0"
        }' "$audit_dir/user"
        awk -F '\t' '{ print $2 "\t1\t" $0 }' "$audit_dir/role"
    } | sort -t "$tab" -k 1,1 -k 2,2n -u | awk -F '\t' '
        $2 == 0 { held = $1; has = 1; next }
        {
            if (!has || held != $1) $13 = $13 ($13 == "" ? "" : ",") "nobody"
            line = $3
            for (i = 5; i <= 13; i++) line = line "\t" $i
            print line
        }'
}

# Of rows on stdin those that were asked for, sorted.
audit_select() {
    column=0
    for name in $audit_columns; do
        column=$((column + 1))
        [ "$name" != "$sort_by" ] || break
    done
    KINDS=$kinds ONLY=$only ALL=$all awk -F '\t' '
        function is_wanted(findings, names, count, i) {
            if (ENVIRON["ONLY"] == "") return findings != "" || ENVIRON["ALL"]
            count = split(findings, names, ",")
            for (i = 1; i <= count; i++) {
                if (index(ENVIRON["ONLY"], " " names[i] " ")) return 1
            }
            return 0
        }
        index(ENVIRON["KINDS"], " " $1 " ") && is_wanted($10)' |
        sort -t "$tab" -k "$column,$column" -k 1,2
}

# Status 1 where there are findings among what is printed.
audit_access() {
    audit_options "$@"
    audit_spans
    audit_dir=$(mktemp -d) || exit 3
    trap audit_quit EXIT
    trap 'exit 3' HUP INT TERM
    find_sha access
    load_script access
    for kind in $audit_kinds; do
        audit_read "$kind"
    done
    { audit_join_users && audit_join_roles; } | audit_select >"$audit_dir/report"
    "print_report_$format" "$audit_columns" "$audit_dir/report"
    ! awk -F '\t' '$10 != "" { found = 1; exit } END { exit !found }' "$audit_dir/report"
}
