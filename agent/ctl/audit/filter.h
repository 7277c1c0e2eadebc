/* Filters: which records are meant. Options of `audit tail`, `grep` and `report`, one table. */
#ifndef REEVE_CTL_AUDIT_FILTER_H
#define REEVE_CTL_AUDIT_FILTER_H

#include "agent/access/role.h"
#include "agent/ctl/audit/scan.h"
#include "agent/ctl/heap.h"

#define FILTER_MAX 24

/* How the options are told in a command's help. */
#define FILTER_USAGE                                                                               \
    "[--user U] [--team T] [--verdict V] [--reason R]\n"                                           \
    "       [--path TEMPLATE] [--status N] [--gate G] [--credential C] [--from TIME] [--to TIME]"

struct filter_term {
    unsigned option;
    struct str value; /* escaped as in lines */
};

/* All terms must hold; of several with the same option one must. */
struct filter {
    struct filter_term terms[FILTER_MAX];
    size_t count;
    struct role *path; /* matches what the template does; NULL: any */
    struct str from, to;
};

/* 1: taken; 0: no option of a filter; -1: a bad value, told on stderr. */
int filter_option(struct filter *filter, const char *name, const char *value, struct heap *heap);
void filter_fini(struct filter *filter);

/* No term but of time: what passes is all there was then. */
bool filter_is_of_time(const struct filter *filter);

bool filter_passes(const struct filter *filter, const struct scan *scan);

#endif
