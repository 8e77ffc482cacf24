/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of 64-bit numbers kept as ranges (frames, ports, interrupts that a domain may use). Bounds
 * are inclusive, so the whole of 0..~0 can be said. Each set has its own lock; all of these may be
 * called with any other lock held except rangeset_add() and rangeset_remove(), which allocate.
 */
#ifndef HV_RANGESET_H
#define HV_RANGESET_H

#include <hv/types.h>

struct rangeset;

struct rangeset *rangeset_new(void); /* empty; NULL when out of memory */
void rangeset_free(struct rangeset *r); /* NULL is ignored */

/*
 * -EINVAL when first > last, -ENOMEM; nothing has changed then. What is in, or not in, already is
 * no error.
 */
int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last) must_check;
int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last) must_check;

bool rangeset_contains(struct rangeset *r, uint64_t first, uint64_t last);   /* all of them */
bool rangeset_intersects(struct rangeset *r, uint64_t first, uint64_t last); /* any of them */
bool rangeset_empty(struct rangeset *r);
/* The first range that ends at or after from, for walking: false when there is none. */
bool rangeset_next(struct rangeset *r, uint64_t from, uint64_t *first, uint64_t *last);

#endif
