#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/store/store.h"

enum err store_script_init(struct store_script *script)
{
    uint8_t digest[CRYPTO_SHA1_BYTES];
    enum err e = crypto_sha1(script->text.ptr, script->text.len, digest);

    if (e != ERR_OK) {
        return e;
    }
    enc_hex(digest, sizeof(digest), script->sha1);
    script->sha1[2 * sizeof(digest)] = '\0';
    return ERR_OK;
}
