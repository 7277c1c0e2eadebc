# shellcheck shell=sh disable=SC2034,SC2154 # variables are shared with reeve-admin and store.sh
# Client certificates in files, read by openssl on this machine. Read by reeve-admin.

# need_openssl
need_openssl() {
    command -v openssl >/dev/null || refuse "$subject: needs openssl on this machine"
}

# read_cert <file>: sets $fingerprint, the SHA-256 of its one certificate, and $cert_ends, as a time.
# More than one is refused: which of them is the client's?
read_cert() {
    need_openssl
    if ! [ -f "$1" ] || ! [ -r "$1" ]; then
        refuse "$subject: neither a fingerprint (64 hex digits) nor a file that can be read: $1"
    fi
    count=$(grep -c -e '-----BEGIN \(X509 \|TRUSTED \)\{0,1\}CERTIFICATE-----' <"$1")
    [ "$count" -eq 1 ] || refuse "$subject: $1: $count certificates in PEM; expected one"
    told=$(openssl x509 -noout -enddate -dateopt iso_8601 -fingerprint -sha256 <"$1" 2>/dev/null) ||
        refuse "$subject: $1: openssl can not read the certificate"
    cert_ends=${told%%"$newline"*} cert_ends=${cert_ends#notAfter=}
    cert_ends=${cert_ends% *}T${cert_ends#* }
    fingerprint=$(printf '%s' "${told##*=}" | tr -d ':' | tr A-F a-f)
    is_fingerprint "$fingerprint" || refuse "$subject: $1: openssl gave no fingerprint"
}

is_fingerprint() {
    case ${#1}:$1 in
    *:*[!0-9a-f]*) return 1 ;;
    64:*) ;;
    *) return 1 ;;
    esac
}

# find_cert <fingerprint or file>: sets $fingerprint. Colons and upper case are as openssl prints them.
find_cert() {
    fingerprint=$(printf '%s' "$1" | tr -d ':' | tr A-F a-f)
    is_fingerprint "$fingerprint" || read_cert "$1"
}

# add_cert <user> <file> <field=value>...
add_cert() {
    user=$1 file=$2 subject="cert of $1"
    shift 2
    check_fields cert "$@"
    read_cert "$file"
    openssl x509 -noout -checkend 0 <"$file" >/dev/null 2>&1 ||
        refuse "$subject: $file: expired at $cert_ends"
    find_subset "$@"
    record_key user "$user"
    script roles "$record" "$subset" || refuse "user $user: $fault"
    strangers=$answer
    case " $*" in
    *' expires='*) ;;
    *) set -- "expires=$cert_ends" "$@" ;;
    esac
    put add cert "$fingerprint" "user=$user" created=0s "$@"
    answer=$strangers
    warn
    printf '%s\n' "$fingerprint"
}
