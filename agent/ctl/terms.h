/* What a limit's record says, for people: "rate 100/s burst 200", "quota 1000 per day Europe/Berlin". */
#ifndef REEVE_CTL_TERMS_H
#define REEVE_CTL_TERMS_H

#include "agent/ctl/heap.h"
#include "agent/directory/record.h"

struct str terms_text(struct heap *heap, const struct limit_record *record);

#endif
