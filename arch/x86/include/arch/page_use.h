/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a frame is used for: the pure part. page_type.c is the shell; docs/page-types.md tells the
 * story.
 *
 *                get(T)               checked                 put, last
 *       IDLE ───────────▶ CHECKING(T) ───────▶ VALID(T, n) ───────────▶ UNDOING(T) ──▶ IDLE
 *                          │  ▲    └─ refused ─▶ UNDOING(T)               ▲  │
 *                interrupted ▼  │ get(T)                     reclaim, get(U)│  ▼ interrupted
 *                          PARTIAL(T) ───────────────────────────────────┘ PARTIAL(T)
 *
 * Types whose check and undoing are nothing (WRITABLE, NONE) skip CHECKING unless translations of
 * the former type must be flushed first, and all but the page tables skip UNDOING.
 *
 * Always: a frame in CHECKING or UNDOING belongs to one cpu and the others wait or are refused;
 * count is 0 only in IDLE, and 1 in CHECKING, PARTIAL and UNDOING; type changes only from IDLE,
 * where it still names the former use; pinned only in VALID, and one of the counts is then the
 * pin's. So a frame is never writable by a guest and a page table at once.
 *
 * The contracts between the @ are for Frama-C (make proof): free of run-time errors, and the
 * sentences above, for every input.
 */
#ifndef ARCH_PAGE_USE_H
#define ARCH_PAGE_USE_H

#include <hv/types.h>

/* PT_L2_TOP: a 32-bit guest's L2 behind slot 3, whose upper end is ours (docs/pv32.md) */
enum page_type {
    PT_NONE,
    PT_L1,
    PT_L2,
    PT_L3,
    PT_L4,
    PT_L2_TOP,
    PT_SEGDESC,
    PT_WRITABLE,
    NR_PAGE_TYPES
};
enum page_state { PS_IDLE, PS_CHECKING, PS_VALID, PS_PARTIAL, PS_UNDOING, NR_PAGE_STATES };

struct page_use {
    uint32_t count;
    uint8_t type;  /* enum page_type */
    uint8_t state; /* enum page_state */
    uint8_t pinned;
    uint8_t pad;   /* 0 */
};
_Static_assert(sizeof(struct page_use) == sizeof(uint64_t), "changed by one compare-and-swap");

enum use_verdict {
    USE_TAKEN,      /* the caller has its reference */
    USE_CHECK_IT,   /* the caller is to check the contents, then page_use_checked() */
    USE_WRONG_TYPE, /* refused */
    USE_OVERFLOW,   /* refused */
    USE_WAIT,       /* another cpu is at work: look again */
    USE_UNDO_FIRST, /* the caller now undoes the left-over of another type, then asks again */
    USE_DROPPED,    /* given back, others remain */
    USE_LAST,       /* the last one given back: the frame is idle */
    /* the last one: the caller is to give back what the table refers to, then page_use_undone() */
    USE_UNDO_IT,
    USE_BROKEN,     /* the request makes no sense in this state: a bug of ours */
};

/* What always holds, for the prover (make proof): every transition keeps it. */
/*@ predicate use_holds(struct page_use u) =
        u.type < NR_PAGE_TYPES && u.state < NR_PAGE_STATES && u.pinned <= 1 &&
        (u.count == 0 <==> u.state == PS_IDLE) &&
        (u.state == PS_CHECKING || u.state == PS_PARTIAL || u.state == PS_UNDOING ==>
         u.count == 1) &&
        (u.pinned == 1 ==> u.state == PS_VALID && PT_L1 <= u.type <= PT_L2_TOP); */

/*@ assigns \nothing;
    ensures \result == (PT_L1 <= t <= PT_L2_TOP); */
static inline bool page_type_is_table(unsigned int t) { return t >= PT_L1 && t <= PT_L2_TOP; }

/* Of a type that is a table: 1 to 4. */
/*@ requires PT_L1 <= t <= PT_L2_TOP;
    assigns \nothing;
    ensures 1 <= \result <= 4; */
static inline unsigned int page_type_level(unsigned int t)
{
    return t == PT_L2_TOP ? PT_L2 : t;
}

/*@ requires \valid(next) && PT_NONE <= want < NR_PAGE_TYPES;
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type || cur.state == PS_IDLE;
    ensures \result == USE_TAKEN && cur.state == PS_VALID ==>
            next->count == cur.count + 1 && cur.type == want && next->state == PS_VALID;
    ensures \result == USE_TAKEN && cur.state == PS_IDLE ==>
            !(PT_L1 <= want <= PT_L2_TOP) && want != PT_SEGDESC;
    ensures \result == USE_TAKEN ==> cur.state == PS_VALID || cur.state == PS_IDLE;
    ensures \result == USE_OVERFLOW || \result == USE_WRONG_TYPE || \result == USE_WAIT ==>
            *next == cur; */
enum use_verdict page_use_get(struct page_use cur, enum page_type want, struct page_use *next);
/*@ requires \valid(next);
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type;
    ensures \result == USE_DROPPED ==>
            next->count == cur.count - 1 && next->count >= 1 && next->state == PS_VALID;
    ensures \result == USE_LAST ==>
            next->count == 0 && next->state == PS_IDLE && !(PT_L1 <= cur.type <= PT_L2_TOP);
    ensures \result == USE_UNDO_IT ==>
            next->state == PS_UNDOING && (PT_L1 <= cur.type <= PT_L2_TOP); */
enum use_verdict page_use_put(struct page_use cur, struct page_use *next);

/*
 * The end of a check. REFUSED: the caller goes on undoing what it had accepted, as after
 * USE_UNDO_IT.
 */
enum check_result { CHECK_OK, CHECK_REFUSED, CHECK_INTERRUPTED };
/*@ requires \valid(next) && CHECK_OK <= result <= CHECK_INTERRUPTED;
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type && next->count == cur.count;
    ensures \result != USE_BROKEN ==> cur.state == PS_CHECKING; */
enum use_verdict page_use_checked(struct page_use cur, enum check_result result,
                                  struct page_use *next);
/*@ requires \valid(next);
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type;
    ensures \result == USE_LAST && !interrupted ==> next->count == 0 && next->state == PS_IDLE; */
enum use_verdict page_use_undone(struct page_use cur, bool interrupted, struct page_use *next);
/* Take over a PARTIAL frame to undo it (USE_UNDO_IT); USE_WRONG_TYPE if it is not PARTIAL. */
/*@ requires \valid(next);
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type && next->count == cur.count; */
enum use_verdict page_use_reclaim(struct page_use cur, struct page_use *next);

/*
 * Turn the caller's own reference to a VALID table into the pin's. USE_WRONG_TYPE: it is pinned
 * already, or no table.
 */
/*@ requires \valid(next);
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type && next->count == cur.count; */
enum use_verdict page_use_pin(struct page_use cur, struct page_use *next);
/* Turn the pin's reference into the caller's, to be put. USE_WRONG_TYPE: not pinned. */
/*@ requires \valid(next);
    assigns *next;
    ensures use_holds(cur) ==> use_holds(*next);
    ensures next->type == cur.type && next->count == cur.count; */
enum use_verdict page_use_unpin(struct page_use cur, struct page_use *next);

#endif
