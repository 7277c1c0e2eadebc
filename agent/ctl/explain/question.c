#include "agent/ctl/explain/question.h"

#include "agent/base/certificate.h"
#include "agent/config/secret.h"
#include "agent/ctl/command.h"
#include "agent/jose/jws.h"

#define PEM_BYTES_MAX 65536

static int usage(const char *text)
{
    command_fail("explain: %s", text);
    return COMMAND_USAGE;
}

static bool set_address(struct str text, struct ip *out)
{
    struct ip_prefix prefix;

    if (!ip_prefix_parse(text, &prefix) || prefix.bits != 8 * prefix.base.length) {
        return false;
    }
    *out = prefix.base;
    return true;
}

static int set_caller(struct question *question, enum explain_kind kind, const char *name)
{
    if (question->has_caller) {
        return usage("one of --key-id, --user, --token-file and --anonymous, and --cert");
    }
    question->has_caller = true;
    question->caller = (struct explain_caller){.kind = kind, .name = str_from_c(name)};
    return 0;
}

static int set_token(struct question *question, const char *source, struct heap *heap)
{
    struct diag diag;
    int status = set_caller(question, EXPLAIN_TOKEN, NULL);

    if (status != 0) {
        return status;
    }
    if (secret_read(source, JWS_BYTES_MAX + 1, &question->token, &diag) != ERR_OK) {
        command_fail("explain: %s", diag.text);
        return COMMAND_TROUBLE;
    }
    struct str text = str_make(question->token.bytes, question->token.length);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    question->proves = true;
    question->request.authorization = heap_print(heap, "Bearer %.*s", STR_ARG(text));
    question->request.authorization_count = 1;
    return 0;
}

/* What HAProxy says of a certificate whose chain it verified. Beside a key or token it is what the gate
 * asks for, too. */
static int set_cert(struct question *question, const char *path, struct heap *heap)
{
    struct certificate *certificate = heap_take(heap, sizeof(*certificate));
    struct request *request = &question->request;
    struct file_text pem = {0};
    struct diag diag;

    if (question->has_cert) {
        return usage("--cert: already given");
    }
    enum err e = file_read(path, FILE_ANY, PEM_BYTES_MAX, &pem, &diag);
    if (e != ERR_OK) {
        command_fail("explain: %s", diag.text);
        return COMMAND_TROUBLE;
    }
    e = certificate_read(str_make(pem.bytes, pem.length), certificate, &diag);
    file_text_free(&pem);
    if (e != ERR_OK) {
        command_fail("explain: %s: %s", path, diag.text);
        return COMMAND_TROUBLE;
    }
    question->has_cert = true;
    request->cert_used = true;
    request->cert_verify = 0;
    request->cert_sha256 = str_make((const char *)certificate->sha256, sizeof(certificate->sha256));
    request->cert_subject = str_from_c(certificate->subject);
    request->cert_issuer = str_from_c(certificate->issuer);
    return 0;
}

static int set_worker(struct question *question, const char *text)
{
    uint64_t number;

    if (!str_to_uint64(str_from_c(text), UINT16_MAX, &number)) {
        return usage("--worker: expected a number");
    }
    question->worker = (int64_t)number;
    return 0;
}

static int set_source(struct question *question, const char *text)
{
    question->has_source = true;
    return set_address(str_from_c(text), &question->request.source)
               ? 0
               : usage("--src: expected an address");
}

/* An option with a value. -3: it is none. */
static int set(struct question *question, const char *name, const char *value, struct heap *heap)
{
    if (strcmp(name, "-f") == 0) {
        question->config_file = value;
    } else if (strcmp(name, "--gate") == 0) {
        question->gate = str_from_c(value);
    } else if (strcmp(name, "--record") == 0) {
        question->record = value;
    } else if (strcmp(name, "--boot") == 0) {
        question->boot = value;
    } else if (strcmp(name, "--worker") == 0) {
        return set_worker(question, value);
    } else if (strcmp(name, "--src") == 0) {
        return set_source(question, value);
    } else if (strcmp(name, "--key-id") == 0) {
        return set_caller(question, EXPLAIN_KEY, value);
    } else if (strcmp(name, "--user") == 0) {
        return set_caller(question, EXPLAIN_USER, value);
    } else if (strcmp(name, "--token-file") == 0) {
        return set_token(question, value, heap);
    } else if (strcmp(name, "--cert") == 0) {
        return set_cert(question, value, heap);
    } else {
        return -3;
    }
    return 0;
}

/* The query is nothing that HAProxy's `path` has. */
static int set_url(struct question *question, struct str url)
{
    struct request *request = &question->request;
    const struct str http = STR("http://"), https = STR("https://");

    request->is_tls = str_starts_with(url, https);
    if (!request->is_tls && !str_starts_with(url, http)) {
        return usage("expected https://HOST/PATH or http://HOST/PATH");
    }
    url = str_skip(url, request->is_tls ? https.len : http.len);
    const char *slash = memchr(url.ptr, '/', url.len);
    size_t host = slash ? (size_t)(slash - url.ptr) : url.len;
    request->host = str_make(url.ptr, host);
    request->host_count = 1;
    request->path = slash ? str_skip(url, host) : STR("/");
    const char *query = memchr(request->path.ptr, '?', request->path.len);
    request->path.len = query ? (size_t)(query - request->path.ptr) : request->path.len;
    return 0;
}

static int set_word(struct question *question, size_t index, const char *word)
{
    if (index == 0) {
        question->request.method = str_from_c(word);
        return 0;
    }
    return index == 1 ? set_url(question, str_from_c(word))
                      : command_refuse_argument("explain", word);
}

static int check(struct question *question, size_t word_count)
{
    if (!question->config_file) {
        return usage("-f FILE is missing");
    }
    if (question->is_batch) {
        return word_count == 0 && !question->has_caller && !question->record
                   ? 0
                   : usage("--batch has its questions from stdin");
    }
    if (question->record) {
        return word_count == 0 && !question->has_caller && !question->has_source &&
                       !question->has_cert
                   ? 0
                   : usage("--record has the request and the caller");
    }
    if (word_count != 2) {
        return usage("expected METHOD and URL");
    }
    if (!question->has_caller && !question->has_cert) {
        return usage("one of --key-id, --user, --token-file, --cert and --anonymous is missing");
    }
    question->proves |= !question->has_caller;
    request_check(&question->request);
    return 0;
}

int question_parse(struct question *question, const char *config_file, int argc, char **argv,
                   struct heap *heap)
{
    size_t word_count = 0;
    int status = 0;

    *question = (struct question){
        .config_file = config_file,
        .worker = -1,
        .request = {.version = 1,
                    .source = {.length = 4, .bytes = {127, 0, 0, 1}},
                    .authorization_count = 0,
                    .host_count = -1,
                    .cert_verify = -1,
                    .fault = REASON_OK},
    };
    for (int i = 0; i < argc && status == 0; i++) {
        int taken = i + 1 < argc ? set(question, argv[i], argv[i + 1], heap) : -3;
        if (taken != -3) {
            status = taken;
            i++;
        } else if (strcmp(argv[i], "--json") == 0) {
            question->is_json = true;
        } else if (strcmp(argv[i], "--batch") == 0) {
            question->is_batch = true;
        } else if (strcmp(argv[i], "--anonymous") == 0) {
            status = set_caller(question, EXPLAIN_ANONYMOUS, NULL);
        } else if (argv[i][0] == '-' || strncmp(argv[i], "rv_", 3) == 0) {
            status = command_refuse_argument("explain", argv[i]);
        } else {
            status = set_word(question, word_count++, argv[i]);
        }
    }
    return status != 0 ? status : check(question, word_count);
}

void question_fini(struct question *question)
{
    if (question->token.bytes) {
        file_text_free(&question->token);
    }
}

bool question_set_gate(struct question *question, const struct config *config)
{
    if (!str_is_absent(question->gate)) {
        question->request.frontend = question->gate;
        return true;
    }
    if (config->gate_count == 1) {
        question->request.frontend = config->gates[0].name;
        return true;
    }
    question->request.frontend = STR("*");
    if (!config_gate(config, STR("*"))) {
        command_fail("explain: the configuration has several gates: --gate NAME");
        return false;
    }
    return true;
}
