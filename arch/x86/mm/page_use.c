/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page types: which state follows which, on plain values. See page_use.h for the picture and the
 * invariants; tests/unit/page_use.c walks every state, type, request and edge count.
 */
#include <arch/page_use.h>

#define COUNT_MAX 0xffffff00U

/*@ assigns \nothing;
    ensures \result == ((PT_L1 <= t <= PT_L2_TOP) || t == PT_SEGDESC); */
static bool needs_check(enum page_type t)
{
    return page_type_is_table(t) || t == PT_SEGDESC;
}

/*@ assigns \nothing; */
static bool needs_flush(struct page_use cur, enum page_type want)
{
    return cur.type != PT_NONE && cur.type != want;
}

enum use_verdict page_use_get(struct page_use cur, enum page_type want, struct page_use *next)
{
    bool check;

    *next = cur;
    switch ((enum page_state)cur.state) {
    case PS_IDLE:
        check = needs_check(want) || needs_flush(cur, want);
        *next = (struct page_use){
            .count = 1, .type = (uint8_t)want, .state = check ? PS_CHECKING : PS_VALID
        };
        return check ? USE_CHECK_IT : USE_TAKEN;
    case PS_VALID:
        if (cur.type != want)
            return USE_WRONG_TYPE;
        if (cur.count >= COUNT_MAX)
            return USE_OVERFLOW;
        next->count++;
        return USE_TAKEN;
    case PS_PARTIAL:
        /* nobody's: an interrupted check is taken over with its count, one of another type ends */
        next->state = cur.type == want ? PS_CHECKING : PS_UNDOING;
        return cur.type == want ? USE_CHECK_IT : USE_UNDO_FIRST;
    case PS_CHECKING:
        /*
         * Not waiting for another type lets a table that refers to itself be refused instead of
         * waiting for itself.
         */
        return cur.type == want ? USE_WAIT : USE_WRONG_TYPE;
    case PS_UNDOING:
        return USE_WAIT;
    case NR_PAGE_STATES:
        break;
    }
    return USE_BROKEN;
}

enum use_verdict page_use_put(struct page_use cur, struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_VALID || cur.count == 0 || (cur.pinned && cur.count == 1))
        return USE_BROKEN;
    if (cur.count > 1) {
        next->count--;
        return USE_DROPPED;
    }
    if (page_type_is_table(cur.type)) {
        next->state = PS_UNDOING;
        return USE_UNDO_IT;
    }
    next->count = 0;
    next->state = PS_IDLE;
    return USE_LAST;
}

enum use_verdict page_use_checked(struct page_use cur, enum check_result result,
                                  struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_CHECKING || (result == CHECK_INTERRUPTED && !page_type_is_table(cur.type)))
        return USE_BROKEN;
    switch (result) {
    case CHECK_OK:
        next->state = PS_VALID;
        return USE_TAKEN;
    case CHECK_REFUSED:
        next->state = PS_UNDOING;
        return USE_UNDO_IT;
    case CHECK_INTERRUPTED:
        next->state = PS_PARTIAL;
        return USE_LAST;
    }
    return USE_BROKEN;
}

enum use_verdict page_use_undone(struct page_use cur, bool interrupted, struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_UNDOING || (interrupted && !page_type_is_table(cur.type)))
        return USE_BROKEN;
    next->state = interrupted ? PS_PARTIAL : PS_IDLE;
    next->count = interrupted ? 1 : 0;
    return USE_LAST;
}

enum use_verdict page_use_reclaim(struct page_use cur, struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_PARTIAL)
        return USE_WRONG_TYPE;
    next->state = PS_UNDOING;
    return USE_UNDO_IT;
}

enum use_verdict page_use_pin(struct page_use cur, struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_VALID || !page_type_is_table(cur.type) || cur.pinned)
        return USE_WRONG_TYPE;
    next->pinned = 1;
    return USE_TAKEN;
}

enum use_verdict page_use_unpin(struct page_use cur, struct page_use *next)
{
    *next = cur;
    if (cur.state != PS_VALID || !cur.pinned)
        return USE_WRONG_TYPE;
    next->pinned = 0;
    return USE_TAKEN;
}
