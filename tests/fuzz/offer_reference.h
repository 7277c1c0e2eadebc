/*
 * The rules of agent/request/offer.h once more: slow, and written from the header and not from
 * offer.c, so that the two check each other.
 */
#ifndef REEVE_TESTS_FUZZ_OFFER_REFERENCE_H
#define REEVE_TESTS_FUZZ_OFFER_REFERENCE_H

#include "agent/request/offer.h"

struct offer_reference {
    enum reason reason; /* the others count only with REASON_OK */
    unsigned kind;
    struct str text; /* borrows from the request, or from memory that the next call overwrites */
};

struct offer_reference offer_reference(const struct request *request, unsigned accept);

#endif
