# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# changes: what operators changed, as lua/change.lua noted it. Read in pages into a file, so memory is
# bounded. Read by reeve-admin.

# Entries in one call: few, so that it holds no agent up.
changes_page=100
changes_columns='time who host key user command before after fields'

changes_quit() {
    rm -rf "$changes_dir"
}

# changes_options <word>...: sets format, from, to, only_key, only_user and only_who.
changes_options() {
    format=text from='' to='' only_key='' only_user='' only_who=''
    while [ $# -gt 0 ]; do
        case $1 in
        --from | --to | --key | --user | --who | --format)
            [ $# -gt 1 ] || misuse "changes: $1: a value is missing"
            option=$1=$2
            shift
            ;;
        *) option=$1 ;;
        esac
        shift
        [ -n "${option#*=}" ] || misuse "changes: ${option%%=*}: empty"
        case $option in
        --format=text | --format=csv | --format=json) format=${option#*=} ;;
        --from=*) from=${option#*=} ;;
        --to=*) to=${option#*=} ;;
        --key=*) only_key=${option#*=} && only_key=${only_key#"$prefix"} ;;
        --user=*) percent_encode "${option#*=}" && only_user=$encoded ;;
        --who=*) only_who=${option#*=} ;;
        *) misuse "changes: unknown option $option" ;;
        esac
    done
    if [ -n "$only_key" ] && [ -n "$only_user" ]; then
        misuse 'changes: --key or --user'
    fi
}

# changes_read: writes rows to a file, page by page.
changes_read() {
    next=''
    while :; do
        script changes "${prefix}changes" "$next" "$changes_page" "$from" "$to" "$only_key" "$only_user" \
            "$only_who" || misuse "changes: $fault"
        next=${answer%%"$newline"*}
        printf '%s\n' "$answer" | sed -n "s/^row$tab//p"
        [ -n "$next" ] || return 0
    done >"$changes_dir/rows"
}

changes() {
    changes_options "$@"
    changes_dir=$(mktemp -d) || exit 3
    trap changes_quit EXIT
    trap 'exit 3' HUP INT TERM
    changes_read
    "print_report_$format" "$changes_columns" "$changes_dir/rows"
}
