#include "agent/quota/leases.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"

#define BUCKETS_MIN 64
#define HAND_STEPS  64
#define NAME_MAX    64
#define SUBJECT_MAX 320

enum err leases_init(struct leases *leases, size_t max)
{
    size_t buckets = BUCKETS_MIN;

    *leases = (struct leases){.max = max > 0 ? max : 1, .mask = buckets - 1};
    leases->buckets = calloc(buckets, sizeof(*leases->buckets));
    if (!leases->buckets) {
        return ERR_MEMORY;
    }
    return crypto_random(&leases->key, sizeof(leases->key));
}

void leases_fini(struct leases *leases)
{
    while (leases->count > 0) {
        struct place *next = leases->hand->next;
        free(leases->hand);
        leases->hand = next;
        leases->count--;
    }
    free(leases->buckets);
    *leases = (struct leases){0};
}

struct str place_name(const struct place *place)
{
    return str_make(place->text, place->name_length);
}

struct str place_subject(const struct place *place)
{
    return str_make(place->text + place->name_length, place->text_length - place->name_length);
}

static bool is_named(struct str name, struct str subject)
{
    return name.len > 0 && name.len <= NAME_MAX && subject.len > 0 && subject.len <= SUBJECT_MAX;
}

static size_t write_text(struct str name, struct str subject, char *out)
{
    memcpy(out, name.ptr, name.len);
    memcpy(out + name.len, subject.ptr, subject.len);
    return name.len + subject.len;
}

/* The name's length is part of what is hashed: "ab" + "c" is not "a" + "bc". */
static uint64_t hash_of(const struct leases *leases, struct str name, struct str subject)
{
    char text[NAME_MAX + SUBJECT_MAX + 1];
    size_t length = write_text(name, subject, text);

    text[length] = (char)name.len;
    return siphash_64(&leases->key, text, length + 1);
}

static bool is_at(const struct place *place, uint64_t hash, struct str name, struct str subject)
{
    return place->hash == hash && str_equal(place_name(place), name) &&
           str_equal(place_subject(place), subject);
}

struct place *leases_find(struct leases *leases, struct str name, struct str subject)
{
    if (!is_named(name, subject)) {
        return NULL;
    }
    uint64_t hash = hash_of(leases, name, subject);
    for (struct place *place = leases->buckets[hash & leases->mask]; place; place = place->chain) {
        if (is_at(place, hash, name, subject)) {
            place->is_visited = true;
            return place;
        }
    }
    return NULL;
}

/* Without memory the chains grow longer. */
static void grow(struct leases *leases)
{
    size_t bucket_count = (leases->mask + 1) * 2;
    struct place **buckets = calloc(bucket_count, sizeof(*buckets));

    if (!buckets) {
        return;
    }
    for (size_t i = 0; i <= leases->mask; i++) {
        for (struct place *place = leases->buckets[i], *next; place; place = next) {
            struct place **bucket = &buckets[place->hash & (bucket_count - 1)];
            next = place->chain;
            place->chain = *bucket;
            *bucket = place;
        }
    }
    free(leases->buckets);
    leases->buckets = buckets;
    leases->mask = bucket_count - 1;
}

static void unlink_place(struct leases *leases, struct place *place)
{
    struct place **link = &leases->buckets[place->hash & leases->mask];

    while (*link != place) {
        link = &(*link)->chain;
    }
    *link = place->chain;
    place->previous->next = place->next;
    place->next->previous = place->previous;
    leases->hand = place->next == place ? NULL : place->next;
    leases->count--;
}

static bool is_droppable(const struct place *place, struct now now)
{
    return place->used_us != now.mono_us && !place->is_held && !place->is_dirty &&
           !place->context && lease_is_disposable(&place->lease, now);
}

static bool make_room(struct leases *leases, struct now now)
{
    for (int i = 0; i < HAND_STEPS; i++) {
        struct place *place = leases->hand;

        if (!place->is_visited && is_droppable(place, now)) {
            unlink_place(leases, place);
            free(place);
            leases->dropped_count++;
            return true;
        }
        place->is_visited = false;
        leases->hand = place->next;
    }
    return false;
}

/* Behind the hand, which comes to it last. */
static void link_place(struct leases *leases, struct place *place)
{
    struct place **bucket = &leases->buckets[place->hash & leases->mask];

    place->chain = *bucket;
    *bucket = place;
    if (!leases->hand) {
        place->next = place->previous = leases->hand = place;
    } else {
        place->next = leases->hand;
        place->previous = leases->hand->previous;
        place->next->previous = place->previous->next = place;
    }
    leases->count++;
}

struct place *leases_add(struct leases *leases, struct str name, struct str subject,
                         const struct terms *terms, struct now now)
{
    if (!is_named(name, subject) || (leases->count >= leases->max && !make_room(leases, now))) {
        return NULL;
    }
    if (leases->count > leases->mask) {
        grow(leases);
    }
    struct place *place = calloc(1, sizeof(*place) + name.len + subject.len);
    if (!place) {
        return NULL;
    }
    lease_init(&place->lease, terms);
    place->hash = hash_of(leases, name, subject);
    place->name_length = (uint8_t)name.len;
    place->text_length = write_text(name, subject, place->text);
    place->is_visited = true;
    place->used_us = now.mono_us;
    link_place(leases, place);
    return place;
}
