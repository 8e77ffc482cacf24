/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of one granted reference, without locks or memory: what the granter's shared entry and
 * the uses that there are already allow, and what the entry must say afterwards.
 *
 *                       take                            take
 *   entry permits ─────────────▶ reading, pins > 0 ─────────────▶ reading + writing, write pins > 0
 *        ▲          read access                     write access        │
 *        └──────────── drop of the last pin ◀── drop of the last write pin
 *
 * Always: GTF_reading is set while there is a pin, GTF_writing while there is a write pin; the
 * granter may take the grant back only when both are clear. While there are pins, the frame is the
 * one recorded at the first of them.
 */
#ifndef CORE_GNTTAB_ENTRY_H
#define CORE_GNTTAB_ENTRY_H

#include <abi.h>
#include <hv/types.h>

/* Uses of a reference are counted in four fields of 16 bits of one word. */
#define PIN_HOST_READ (1ULL << 0)
#define PIN_HOST_WRITE (1ULL << 16)
#define PIN_DEV_READ (1ULL << 32)
#define PIN_DEV_WRITE (1ULL << 48)
#define PIN_WRITERS 0xffff0000ffff0000ULL
#define PIN_FULL 0x8000800080008000ULL /* no field may go further */

enum grant_kind { GRANT_PAGE, GRANT_SUB_PAGE, GRANT_TRANSITIVE };

struct grant_state {
    uint16_t flags; /* GTF_*: the shared entry as the granter has it now */
    domid_t domid;
    uint64_t pins;  /* ours */
    domid_t pinned_by;
    uint8_t kind;   /* enum grant_kind as recorded; means something while there are pins */
};

struct grant_request {
    domid_t domid;  /* who asks */
    uint64_t add;   /* PIN_* units */
    /* for a copy: parts of a page and, unless no_transitive, grants of grants will do */
    bool copy;
    bool no_transitive;
};

struct grant_step {
    uint64_t pins; /* afterwards */
    /*
     * bits that the shared entry (v1) or the status word (v2) must get first; 0: do not look at it
     * again
     */
    uint16_t set;
    uint8_t kind;
};

/*
 * GNTST_okay and what is to be done, or why not. The proof takes from the unit test what its prover
 * cannot see, the third requirement: fields whose top bits are clear have room for a few units
 * more.
 */
/*@ requires \valid_read(s) && \valid_read(r) && \valid(next);
    requires \separated(s, next) && \separated(r, next);
    requires (s->pins & PIN_FULL) == 0 ==> s->pins + r->add <= UINT64_MAX;
    assigns *next;
    ensures \result == GNTST_okay || \result == GNTST_general_error;
    ensures \result == GNTST_okay ==> next->pins == (uint64_t)(s->pins + r->add);
    ensures \result == GNTST_okay && s->pins != 0 ==>
            s->pinned_by == r->domid && (s->pins & PIN_FULL) == 0;
    ensures \result == GNTST_okay && s->pins == 0 ==> next->set != 0;
    ensures \result == GNTST_okay && (r->add & PIN_WRITERS) != 0 && (s->pins & PIN_WRITERS) == 0 ==>
            next->set != 0;
    ensures \result == GNTST_okay && next->set != 0 ==> s->domid == r->domid;
    ensures \result == GNTST_okay && next->set != 0 && (r->add & PIN_WRITERS) != 0 ==>
            (s->flags & GTF_readonly) == 0; */
int16_t grant_entry_take(const struct grant_state *s, const struct grant_request *r,
                         struct grant_step *next);
/* The bits to clear when drop (pins that there are) is taken off; *pins is changed. */
/*@ requires \valid(pins) && drop <= *pins;
    assigns *pins;
    ensures *pins == \old(*pins) - drop;
    ensures *pins == 0 ==> \result == (GTF_reading | GTF_writing);
    ensures *pins != 0 && (*pins & PIN_WRITERS) == 0 ==> \result == GTF_writing;
    ensures (*pins & PIN_WRITERS) != 0 ==> \result == 0; */
uint16_t grant_entry_drop(uint64_t *pins, uint64_t drop);

#endif
