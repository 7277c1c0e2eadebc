/*
 * msgpack-c's packer, made by its own templates for an output that knows it has room. The usual
 * packer calls back for every piece, which for a record of 26 short values costs more than the
 * values; here a piece is a store or two.
 *
 * The caller has made sure that everything it packs fits.
 *
 * pack_nil(), pack_int64(), pack_array(), pack_str() with pack_str_body(), pack_bin() with
 * pack_bin_body(); the output is advanced behind what was written.
 */
#ifndef REEVE_AUDIT_PACK_H
#define REEVE_AUDIT_PACK_H

#include <limits.h>
#include <msgpack/sysdep.h>
#include <msgpack/timestamp.h>

#include "agent/base/copy.h"

struct pack_output {
    uint8_t *at;
};

static inline int pack_append(struct pack_output *output, const void *bytes, size_t length)
{
    output->at = copy_bytes(output->at, bytes, length);
    return 0;
}

/* The templates' contract: each function's last act is to append, and to return what that gave. */
#define msgpack_pack_inline_func(name)             static inline int pack##name
#define msgpack_pack_inline_func_cint(name)        static inline int pack##name
#define msgpack_pack_user                          struct pack_output *
#define msgpack_pack_append_buffer(x, buf, length) return pack_append((x), (buf), (length))

#include <msgpack/pack_template.h>

#endif
