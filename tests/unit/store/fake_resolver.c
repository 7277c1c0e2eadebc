#include "tests/unit/store/fake_resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/base/ensure.h"

int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static bool is_held;
static int begun_count;
static int ended_count;
static const char *const *addresses;
static size_t address_count;

/* Chains what the addresses give one by one. */
static int list_addresses(const struct addrinfo *hints, struct addrinfo **out)
{
    struct addrinfo **link = out;

    for (size_t i = 0; i < address_count; i++) {
        ensure(__real_getaddrinfo(addresses[i], NULL, hints, link) == 0);
        while (*link) {
            link = &(*link)->ai_next;
        }
    }
    return address_count > 0 ? 0 : EAI_NONAME;
}

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    (void)name;
    (void)service;
    pthread_mutex_lock(&mutex);
    begun_count++;
    while (is_held) {
        pthread_cond_wait(&released, &mutex);
    }
    int error = list_addresses(hints, out);
    ended_count++;
    pthread_mutex_unlock(&mutex);
    return error;
}

void fake_resolver_set(const char *const *list, size_t count)
{
    pthread_mutex_lock(&mutex);
    addresses = list;
    address_count = count;
    pthread_mutex_unlock(&mutex);
}

static void set_held(bool is_held_now)
{
    pthread_mutex_lock(&mutex);
    is_held = is_held_now;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&mutex);
}

void fake_resolver_hold(void)
{
    set_held(true);
}

void fake_resolver_release(void)
{
    set_held(false);
}

static int read_count(const int *count)
{
    pthread_mutex_lock(&mutex);
    int value = *count;
    pthread_mutex_unlock(&mutex);
    return value;
}

int fake_resolver_begun(void)
{
    return read_count(&begun_count);
}

int fake_resolver_ended(void)
{
    return read_count(&ended_count);
}
