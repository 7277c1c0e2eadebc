# shellcheck shell=sh
# API keys made and hashed in plain sh, for machines without reevectl. Read by reeve-admin.
#
# rv_<keyid>_<secret>_<crc>: keyid 10 and secret 32 characters of 0-9A-Za-z, crc the CRC-32 (IEEE)
# of all before its '_' in six base62 digits. Key texts and peppers go through pipes and builtins
# only, never into an argument list; so printf has to be a builtin. LC_ALL=C is taken for granted.

# key_new <pepper file, or nothing> [keyid]: prints the key text and, on a second line, its hash.
key_new() {
    if [ "$(command -v printf)" != printf ]; then
        key_fault 'this shell has no printf of its own: install reevectl'
        return 1
    fi
    key_hash=sha256:
    if [ -n "$1" ]; then
        pepper_first "$1" || return 1
        key_hash=hmac-sha256:$pepper_id:
    fi
    key_id=${2-}
    if [ -z "$key_id" ]; then
        random_base62 10 || return 1
        key_id=$base62
    fi
    random_base62 32 || return 1
    key_text=rv_${key_id}_$base62
    key_text=${key_text}_$(printf '%s' "$key_text" | crc32_base62)
    if [ -n "$1" ]; then
        key_hash=$key_hash$(printf '%s' "$key_text" | hmac_sha256 "$pepper_hex")
    else
        key_hash=$key_hash$(printf '%s' "$key_text" | digest sha256)
    fi
    printf '%s\n%s\n' "$key_text" "$key_hash"
}

key_fault() {
    printf '%s\n' "$1" >&2
    return 1
}

# digest <sha1|sha256>: of stdin, in hex.
digest() {
    if command -v "$1sum" >/dev/null; then
        digest_line=$("$1sum") && printf '%s' "${digest_line%% *}"
    else
        digest_line=$(openssl dgst "-$1") && printf '%s' "${digest_line##* }"
    fi
}

# octal <byte>: sets $octal to its escape for printf %b.
octal() {
    octal=\\0$(($1 / 64))$(($1 / 8 % 8))$(($1 % 8))
}

# base62_digit <0..61>: sets $octal.
base62_digit() {
    if [ "$1" -lt 10 ]; then
        octal $(($1 + 48))
    elif [ "$1" -lt 36 ]; then
        octal $(($1 + 55))
    else
        octal $(($1 + 61))
    fi
}

# random_base62 <count>: sets $base62. Bytes from 248 on are dropped: 248 = 4 * 62.
random_base62() {
    base62='' wanted=$1
    while [ "$wanted" -gt 0 ]; do
        bytes=$(od -An -v -tu1 -N 64 /dev/urandom)
        if [ -z "$bytes" ]; then
            key_fault 'no random bytes from /dev/urandom'
            return 1
        fi
        for byte in $bytes; do
            if [ "$byte" -lt 248 ] && [ "$wanted" -gt 0 ]; then
                base62_digit $((byte % 62))
                base62=$base62$octal wanted=$((wanted - 1))
            fi
        done
    done
    base62=$(printf '%b' "$base62")
}

# CRC-32 of stdin in six base62 digits.
crc32_base62() {
    crc=$((0xFFFFFFFF))
    for byte in $(od -An -v -tu1); do
        crc=$((crc ^ byte))
        for _ in 1 2 3 4 5 6 7 8; do
            crc=$(((crc >> 1) ^ (0xEDB88320 & -(crc & 1))))
        done
    done
    crc=$((crc ^ 0xFFFFFFFF)) digits=''
    for _ in 1 2 3 4 5 6; do
        base62_digit $((crc % 62))
        digits=$octal$digits crc=$((crc / 62))
    done
    printf '%b' "$digits"
}

# hex_xor <hex> <byte>: sets $escapes to the escapes of each byte of hex, XORed.
hex_xor() {
    hex_rest=$1 escapes=''
    while [ -n "$hex_rest" ]; do
        octal $((0x${hex_rest%"${hex_rest#??}"} ^ $2))
        escapes=$escapes$octal hex_rest=${hex_rest#??}
    done
}

# hmac_sha256 <hex of a key of at most 64 bytes>: of stdin, in hex (RFC 2104).
hmac_sha256() {
    hmac_key=$1
    while [ ${#hmac_key} -lt 128 ]; do
        hmac_key=${hmac_key}00
    done
    hex_xor "$hmac_key" 0x36
    hmac_inner=$({ printf '%b' "$escapes" && cat; } | digest sha256)
    hex_xor "$hmac_inner" 0
    hmac_inner=$escapes
    hex_xor "$hmac_key" 0x5C
    printf '%b' "$escapes$hmac_inner" | digest sha256
}

# pepper_first <file>: sets $pepper_id and $pepper_hex. The file's form: agent/config/pepper.h.
pepper_first() {
    if ! [ -f "$1" ] || ! [ -r "$1" ]; then
        key_fault "$1: cannot be read"
        return 1
    elif ! is_private "$1"; then
        key_fault "$1: group or others can read or write it; chmod 600"
        return 1
    fi
    pepper_id='' pepper_ids=' ' line_number=0
    while IFS= read -r line || [ -n "$line" ]; do
        line_number=$((line_number + 1))
        case $line in
        '' | '#'*) continue ;;
        esac
        if ! pepper_is_good "${line%% *}" "${line#"${line%% *}"}"; then
            key_fault "$1:$line_number: expected '<id> <hex of 16 to 64 bytes>', each id once"
            return 1
        fi
        pepper_ids="$pepper_ids${line%% *} "
        if [ -z "$pepper_id" ]; then
            pepper_id=${line%% *} pepper_hex=${line#* }
        fi
    done <"$1"
    [ -n "$pepper_id" ] || key_fault "$1: holds no pepper"
}

# Group and others can neither read nor write the file.
is_private() {
    shared=$(find -L "$1" -prune \( -perm -040 -o -perm -020 -o -perm -004 -o -perm -002 \))
    [ -z "$shared" ]
}

# pepper_is_good <id> <blank and hex>
pepper_is_good() {
    case $1 in
    '' | *[!A-Za-z0-9._-]*) return 1 ;;
    esac
    case $pepper_ids in
    *" $1 "*) return 1 ;;
    esac
    case $2 in
    ' '*[!0-9A-Fa-f]*) return 1 ;;
    esac
    [ ${#1} -le 32 ] && [ ${#2} -ge 33 ] && [ ${#2} -le 129 ] && [ $((${#2} % 2)) -eq 1 ]
}
