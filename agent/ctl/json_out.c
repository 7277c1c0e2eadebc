#include "agent/ctl/json_out.h"

#include "agent/base/enc.h"

#define CHUNK 1024

void json_escaped(FILE *stream, struct str value)
{
    char escaped[ENC_JSON_MAX(CHUNK)];

    while (value.len > 0) {
        size_t length = value.len < CHUNK ? value.len : CHUNK;
        /* A sequence of UTF-8 is not cut. */
        while (length < value.len && length > CHUNK - 4 &&
               ((unsigned char)value.ptr[length] & 0xc0) == 0x80) {
            length--;
        }
        fwrite(escaped, 1, enc_json(str_make(value.ptr, length), escaped), stream);
        value = str_skip(value, length);
    }
}

static void put_text(struct json_out *json, struct str value)
{
    fputc('"', json->stream);
    json_escaped(json->stream, value);
    fputc('"', json->stream);
}

static void put_name(struct json_out *json, const char *name)
{
    if (json->is_behind) {
        fputc(',', json->stream);
    }
    json->is_behind = true;
    if (name) {
        fprintf(json->stream, "\"%s\":", name);
    }
}

void json_begin(struct json_out *json, const char *name, char bracket)
{
    put_name(json, name);
    fputc(bracket, json->stream);
    json->is_behind = false;
}

void json_end(struct json_out *json, char bracket)
{
    fputc(bracket, json->stream);
    json->is_behind = true;
}

void json_text(struct json_out *json, const char *name, struct str value)
{
    if (!str_is_absent(value)) {
        put_name(json, name);
        put_text(json, value);
    }
}

void json_named_text(struct json_out *json, struct str name, struct str value)
{
    put_name(json, NULL);
    put_text(json, name);
    fputc(':', json->stream);
    put_text(json, value);
}

void json_number(struct json_out *json, const char *name, int64_t value)
{
    put_name(json, name);
    fprintf(json->stream, "%lld", (long long)value);
}

void json_count(struct json_out *json, const char *name, uint64_t value)
{
    put_name(json, name);
    fprintf(json->stream, "%llu", (unsigned long long)value);
}

void json_bool(struct json_out *json, const char *name, bool value)
{
    put_name(json, name);
    fputs(value ? "true" : "false", json->stream);
}
