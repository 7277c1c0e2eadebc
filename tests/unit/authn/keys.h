/* Keys and their records. The digests were made with Python's hashlib and hmac. */
#ifndef REEVE_TESTS_UNIT_AUTHN_KEYS_H
#define REEVE_TESTS_UNIT_AUTHN_KEYS_H

#include "agent/authn/apikey.h"

#define KEY       "rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx"
#define OTHER_KEY "rv_zzzzzzzzzz_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz_0Jfoiy"

/* Of KEY: plain, under pepper p1 (bytes 0 to 31) and p2 (16 bytes 0xff). */
#define PLAIN_HEX "add9c9dc8fe15401c25a265a3356c22183759b087dc6a654317e681f9d873e56"
#define P1_HEX    "af451bab8ce3147ae0b00d72616b48d2c61e4a5eb5dbf89652758150256ae3b1"
#define P2_HEX    "40782a97bf1147e935a9f4f6fcbce1ef6c3eec54f3e21609637fa92a51855f92"
#define WRONG_HEX "0000000000000000000000000000000000000000000000000000000000000000"

#define PLAIN       "sha256:" PLAIN_HEX
#define P1          "hmac-sha256:p1:" P1_HEX
#define P2          "hmac-sha256:p2:" P2_HEX
#define WRONG_PLAIN "sha256:" WRONG_HEX
#define WRONG_P1    "hmac-sha256:p1:" WRONG_HEX
/* Under a pepper that nobody has. */
#define GONE "hmac-sha256:gone:" P1_HEX

#define NOW_S INT64_C(1700000000)

/* The first `count` of p1 and p2. */
struct pepper_set keys_peppers(size_t count);

/* The very end of a second, so that nothing rounds up. */
struct now keys_now(int64_t wall_s);

/* A record of the fields in "user=a state=active hash=...", in an entry without memory. */
struct directory_entry keys_entry(const char *fields);
void keys_entry_fini(struct directory_entry *entry);

/* Whether the key's hash has a verified text. */
bool keys_remembers(const struct directory_entry *entry, unsigned hash_index);

/* apikey_verify() with the text's own digest. */
enum reason keys_verify(struct apikey_verifier *verifier, struct str text,
                        struct directory_entry *entry, struct now now, unsigned *hash_index);

#endif
