#include "agent/request/path.h"

#include "agent/base/enc.h"
#include "agent/config/gate.h"

/* What a raw byte is in a path. Those of no class have no place in one, or need a closer look. */
enum {
    BYTE_PLAIN = 1 << 0,      /* stands for itself */
    BYTE_UNRESERVED = 1 << 1, /* and its escape stands for it too (RFC 3986 2.3) */
    BYTE_SLASH = 1 << 2,
    BYTE_SUSPECT = BYTE_SLASH << 1, /* right after a slash it needs a closer look */
};

#define UNRESERVED (BYTE_PLAIN | BYTE_UNRESERVED)

static const unsigned char byte_class[256] = {
    ['0' ... '9'] = UNRESERVED,
    ['A' ... 'Z'] = UNRESERVED,
    ['a' ... 'z'] = UNRESERVED,
    ['-'] = UNRESERVED,
    ['_'] = UNRESERVED,
    ['~'] = UNRESERVED,
    ['.'] = UNRESERVED | BYTE_SUSPECT,
    ['/'] = BYTE_PLAIN | BYTE_SLASH | BYTE_SUSPECT,
    ['!'] = BYTE_PLAIN,
    ['$'] = BYTE_PLAIN,
    ['&'] = BYTE_PLAIN,
    ['\''] = BYTE_PLAIN,
    ['('] = BYTE_PLAIN,
    [')'] = BYTE_PLAIN,
    ['*'] = BYTE_PLAIN,
    ['+'] = BYTE_PLAIN,
    [','] = BYTE_PLAIN,
    ['='] = BYTE_PLAIN,
    [':'] = BYTE_PLAIN,
    ['@'] = BYTE_PLAIN,
};

/* What ends a piece of a path. An encoded slash separates pieces for those who decode it. */
enum border { BORDER_SLASH, BORDER_ENCODED_SLASH, BORDER_END };

/* A path being rewritten; everything in `out` is canonical but for the piece that has not ended. */
struct rewrite {
    struct str raw;
    size_t at;
    unsigned relax;
    char *out;
    size_t length;
    size_t piece; /* where the current one starts in `out` */
    bool is_after_encoded_slash;
    unsigned double_encoding; /* how much of one ends `out`: 1 for "%25", 2 with one hex digit */
    const char *fault;        /* NULL: none yet */
};

/* True for most canonical paths, never for any other. */
static bool is_surely_canonical(struct str raw)
{
    unsigned common = BYTE_PLAIN;
    unsigned suspects = 0;
    unsigned previous = 0;

    for (size_t i = 0; i < raw.len; i++) {
        unsigned current = byte_class[(unsigned char)raw.ptr[i]];
        common &= current;
        suspects |= (previous << 1) & current & BYTE_SUSPECT;
        previous = current;
    }
    return common != 0 && suspects == 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that is escaped at raw[at]; -1 where no escape stands. */
static int escaped_byte(struct str raw, size_t at)
{
    if (at + 2 >= raw.len || raw.ptr[at] != '%') {
        return -1;
    }
    int high = hex_value(raw.ptr[at + 1]);
    int low = hex_value(raw.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void put_byte(struct rewrite *rewrite, char c)
{
    rewrite->out[rewrite->length++] = c;
    if (rewrite->double_encoding > 0) {
        rewrite->double_encoding = hex_value(c) < 0 ? 0 : rewrite->double_encoding + 1;
        if (rewrite->double_encoding == 3) {
            rewrite->fault = "double encoding";
        }
    }
}

static void put_escape(struct rewrite *rewrite, unsigned byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char *end = rewrite->out + rewrite->length;

    end[0] = '%';
    end[1] = digits[byte >> 4];
    end[2] = digits[byte & 15];
    rewrite->length += 3;
    rewrite->double_encoding = byte == '%' ? 1 : 0;
}

/* Takes the finished piece, a dot segment, and for ".." the segment before it, off `out`. */
static void remove_segment(struct rewrite *rewrite, size_t dot_count)
{
    rewrite->length = rewrite->piece;
    if (dot_count == 1) {
        return;
    }
    if (rewrite->piece == 1) {
        rewrite->fault = "dot segment above the root";
        return;
    }
    size_t end = rewrite->piece - 1;
    size_t begin = end;
    while (rewrite->out[begin - 1] != '/') {
        begin--;
    }
    if (begin == end || memmem(rewrite->out + begin, end - begin, "%2F", 3)) {
        rewrite->fault = "dot segment after an empty segment or an encoded slash";
        return;
    }
    rewrite->length = begin;
    rewrite->piece = begin;
}

static void put_border(struct rewrite *rewrite, enum border border)
{
    if (border == BORDER_SLASH) {
        put_byte(rewrite, '/');
    } else if (border == BORDER_ENCODED_SLASH) {
        put_escape(rewrite, '/');
    }
    rewrite->piece = rewrite->length;
    rewrite->is_after_encoded_slash = border == BORDER_ENCODED_SLASH;
}

/* "." or "..", perhaps with parameters. Gives the number of dots, else 0. */
static size_t count_dots(struct str piece)
{
    size_t count = 0;

    while (count < piece.len && piece.ptr[count] == '.') {
        count++;
    }
    struct str rest = str_skip(piece, count);
    bool ends = rest.len == 0 || rest.ptr[0] == ';' || str_starts_with(rest, STR("%3B"));
    return ends && count <= 2 ? count : 0;
}

static void end_piece(struct rewrite *rewrite, enum border border)
{
    struct str piece = str_make(rewrite->out + rewrite->piece, rewrite->length - rewrite->piece);
    size_t dot_count = count_dots(piece);

    if (piece.len == 0 && border != BORDER_END && !(rewrite->relax & PATH_RELAX_EMPTY_SEGMENT)) {
        rewrite->fault = "empty segment";
    } else if (dot_count == 0) {
        put_border(rewrite, border);
    } else if (piece.len > dot_count) {
        rewrite->fault = "dot segment with parameters";
    } else if (border == BORDER_ENCODED_SLASH || rewrite->is_after_encoded_slash) {
        rewrite->fault = "dot segment beside an encoded slash";
    } else {
        remove_segment(rewrite, dot_count);
    }
}

/* Escapes of 0x80 and above, as many as make one character. */
static void take_character(struct rewrite *rewrite)
{
    char bytes[4];
    size_t count = 0;

    while (count < sizeof(bytes)) {
        int byte = escaped_byte(rewrite->raw, rewrite->at + 3 * count);
        if (byte < 0x80) {
            break;
        }
        bytes[count++] = (char)byte;
    }
    size_t length = enc_utf8_length(str_make(bytes, count), 0);
    if (length == 0) {
        if (!(rewrite->relax & PATH_RELAX_NON_UTF8)) {
            rewrite->fault = "escapes that are not UTF-8";
            return;
        }
        length = 1;
    }
    for (size_t i = 0; i < length; i++) {
        put_escape(rewrite, (unsigned char)bytes[i]);
    }
    rewrite->at += 3 * length;
}

/* Why an escape of this byte is refused; NULL where it is not. */
static const char *escape_fault(unsigned byte, unsigned relax)
{
    if (byte < 0x20 || byte == 0x7f) {
        return "encoded control byte";
    }
    switch (byte) {
    case '\\':
        return "encoded backslash";
    case '/':
        return relax & PATH_RELAX_ENCODED_SLASH ? NULL : "encoded slash";
    case ';':
        return relax & PATH_RELAX_SEMICOLON ? NULL : "encoded semicolon";
    default:
        return NULL;
    }
}

static void take_escape(struct rewrite *rewrite)
{
    int byte = escaped_byte(rewrite->raw, rewrite->at);

    if (byte < 0) {
        rewrite->fault = "bad escape";
        return;
    }
    if (byte >= 0x80) {
        take_character(rewrite);
        return;
    }
    rewrite->at += 3;
    rewrite->fault = escape_fault((unsigned)byte, rewrite->relax);
    if (rewrite->fault) {
        return;
    }
    if (byte_class[byte] & BYTE_UNRESERVED) {
        put_byte(rewrite, (char)byte);
    } else if (byte == '/') {
        end_piece(rewrite, BORDER_ENCODED_SLASH);
    } else {
        put_escape(rewrite, (unsigned)byte);
    }
}

static const char *raw_fault(unsigned char c)
{
    switch (c) {
    case ';':
        return "path parameter";
    case '\\':
        return "backslash";
    case '?':
        return "query";
    case '#':
        return "fragment";
    default:
        return c <= ' ' || c >= 0x7f ? "control byte, blank or raw non-ASCII byte"
                                     : "byte that must be escaped";
    }
}

static void take_byte(struct rewrite *rewrite)
{
    char c = rewrite->raw.ptr[rewrite->at];
    bool is_plain = byte_class[(unsigned char)c] & BYTE_PLAIN;

    if (c == '%') {
        take_escape(rewrite);
        return;
    }
    rewrite->at++;
    if (c == '/') {
        end_piece(rewrite, BORDER_SLASH);
    } else if (is_plain || (c == ';' && (rewrite->relax & PATH_RELAX_SEMICOLON))) {
        put_byte(rewrite, c);
    } else {
        rewrite->fault = raw_fault((unsigned char)c);
    }
}

/* NULL, or why the path is ambiguous. */
static const char *rewrite_run(struct rewrite *rewrite)
{
    put_byte(rewrite, '/');
    rewrite->at = rewrite->piece = 1;
    while (!rewrite->fault && rewrite->at < rewrite->raw.len) {
        take_byte(rewrite);
    }
    if (!rewrite->fault) {
        end_piece(rewrite, BORDER_END);
    }
    return rewrite->fault;
}

enum reason path_canonicalise(struct str raw, unsigned relax, char *out,
                              struct path_canonical *result, const char **fault)
{
    struct rewrite rewrite = {.raw = raw, .relax = relax, .out = out};

    if (raw.len == 0 || raw.ptr[0] != '/' || raw.len > PATH_BYTES_MAX) {
        *fault = raw.len > PATH_BYTES_MAX ? "path too long" : "path without a leading slash";
        return REASON_BAD_REQUEST;
    }
    if (is_surely_canonical(raw)) {
        *result = (struct path_canonical){.path = raw};
        return REASON_OK;
    }
    const char *found = rewrite_run(&rewrite);
    if (found) {
        *fault = found;
        return REASON_AMBIGUOUS_PATH;
    }
    struct str path = str_make(out, rewrite.length);
    /* Decoding and removing both shorten; what keeps the length changes hex digits at most. */
    result->is_different = path.len != raw.len;
    result->path = str_equal(path, raw) ? raw : path;
    return REASON_OK;
}
