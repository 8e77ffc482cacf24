/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/mm/page_use.c */
/*
 * Page types: every state, type, pin and edge count with every request; and a check that the
 * machine cannot reach what it must not.
 */
#include "check.h"

#include <arch/page_use.h>

static const uint32_t counts[] = { 0, 1, 2, 3, 0xfffffeff, 0xffffff00, 0xffffffff };

static bool is_flat(unsigned int type) { return !page_type_is_table(type); }

/* What a frame may ever be. */
static bool sane(struct page_use u)
{
    if (u.pad || u.pinned > 1 || u.type >= NR_PAGE_TYPES || u.state >= NR_PAGE_STATES)
        return false;
    if (u.pinned && (u.state != PS_VALID || is_flat(u.type)))
        return false;
    switch ((enum page_state)u.state) {
    case PS_IDLE:
        return u.count == 0;
    case PS_VALID:
        return u.count > 0;
    case PS_CHECKING:
        return u.count == 1;
    case PS_PARTIAL:
        return u.count == 1 && page_type_is_table(u.type);
    case PS_UNDOING: /* a refused descriptor page passes through it */
        return u.count == 1 && u.type != PT_NONE;
    default:
        return false;
    }
}

static bool same(struct page_use a, struct page_use b)
{
    return !memcmp(&a, &b, sizeof(a));
}

static void check_get(struct page_use u, enum page_type want)
{
    struct page_use n;
    enum use_verdict v = page_use_get(u, want, &n);

    CHECK(sane(n));
    CHECK(n.pinned == u.pinned || v == USE_CHECK_IT);
    CHECK(n.type == u.type || u.state == PS_IDLE);
    switch (v) {
    case USE_TAKEN:
        CHECK(n.state == PS_VALID && n.type == want && n.count == u.count + 1);
        /* Without a check: one of several, or a type that needs none and no flush either. */
        CHECK(u.state == PS_VALID ||
              (is_flat(want) && want != PT_SEGDESC && (u.type == want || u.type == PT_NONE)));
        break;
    case USE_CHECK_IT:
        CHECK(n.state == PS_CHECKING && n.type == want);
        CHECK(u.state == PS_IDLE || (u.state == PS_PARTIAL && u.type == want));
        break;
    case USE_UNDO_FIRST:
        CHECK(u.state == PS_PARTIAL && u.type != want && n.state == PS_UNDOING);
        break;
    case USE_WRONG_TYPE:
        CHECK(u.type != want && same(n, u));
        CHECK(u.state == PS_VALID || u.state == PS_CHECKING);
        break;
    case USE_OVERFLOW:
        CHECK(u.count >= 0xffffff00 && same(n, u));
        break;
    case USE_WAIT:
        CHECK(same(n, u) && (u.state == PS_UNDOING || (u.state == PS_CHECKING && u.type == want)));
        break;
    default:
        CHECK(!"a verdict that a get cannot have");
    }
}

static void check_put(struct page_use u)
{
    struct page_use n;
    enum use_verdict v = page_use_put(u, &n);

    CHECK(v == USE_BROKEN ? same(n, u) : sane(n));
    CHECK((v == USE_BROKEN) == (u.state != PS_VALID || (u.pinned && u.count == 1)));
    CHECK((v == USE_DROPPED) == (u.state == PS_VALID && u.count > 1));
    CHECK(v != USE_DROPPED ||
          (n.count == u.count - 1 && n.state == PS_VALID && n.pinned == u.pinned));
    CHECK(v != USE_UNDO_IT ||
          (page_type_is_table(u.type) && n.state == PS_UNDOING && n.type == u.type));
    CHECK(v != USE_LAST || (is_flat(u.type) && n.state == PS_IDLE && n.type == u.type));
}

static void check_ends(struct page_use u)
{
    struct page_use n;
    enum use_verdict v;

    for (int r = CHECK_OK; r <= CHECK_INTERRUPTED; r++) {
        bool ok = u.state == PS_CHECKING && (r != CHECK_INTERRUPTED || page_type_is_table(u.type));

        v = page_use_checked(u, (enum check_result)r, &n);
        CHECK((v != USE_BROKEN) == ok);
        CHECK(ok ? n.type == u.type && n.count == 1 : same(n, u));
        CHECK(!ok || n.state == (r == CHECK_OK        ? PS_VALID
                                 : r == CHECK_REFUSED ? PS_UNDOING
                                                      : PS_PARTIAL));
    }
    for (int interrupted = 0; interrupted < 2; interrupted++) {
        bool ok = u.state == PS_UNDOING && (!interrupted || page_type_is_table(u.type));

        v = page_use_undone(u, interrupted, &n);
        CHECK((v != USE_BROKEN) == ok);
        CHECK(ok ? sane(n) && n.state == (interrupted ? PS_PARTIAL : PS_IDLE) : same(n, u));
    }
    v = page_use_reclaim(u, &n);
    CHECK((v == USE_UNDO_IT) == (u.state == PS_PARTIAL));
    CHECK(v == USE_UNDO_IT ? n.state == PS_UNDOING && sane(n) : same(n, u));
}

static void check_pins(struct page_use u)
{
    struct page_use n;
    bool may_pin = u.state == PS_VALID && page_type_is_table(u.type) && !u.pinned;

    CHECK((page_use_pin(u, &n) == USE_TAKEN) == may_pin);
    CHECK(may_pin ? n.pinned == 1 && n.count == u.count && sane(n) : same(n, u));
    CHECK((page_use_unpin(u, &n) == USE_TAKEN) == (u.pinned && u.state == PS_VALID));
    CHECK(u.pinned ? !n.pinned && n.count == u.count && sane(n) : same(n, u));
}

static unsigned int all(void)
{
    unsigned int seen = 0;

    for (unsigned int s = 0; s < NR_PAGE_STATES; s++)
        for (unsigned int t = 0; t < NR_PAGE_TYPES; t++)
            for (unsigned int p = 0; p < 2; p++)
                for (unsigned int c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
                    struct page_use u = { counts[c], (uint8_t)t, (uint8_t)s, (uint8_t)p, 0 };

                    if (!sane(u))
                        continue;
                    seen++;
                    for (int want = PT_NONE; want < NR_PAGE_TYPES; want++)
                        check_get(u, (enum page_type)want);
                    check_put(u);
                    check_ends(u);
                    check_pins(u);
                }
    return seen;
}

int main(void)
{
    TEST("every sane state, type and count with every request stays sane") {
        CHECK(all() > 80);
    }
    TEST("a table that refers to itself is refused, not waited for") {
        struct page_use u = { 1, PT_L3, PS_CHECKING, 0, 0 }, n;

        CHECK_EQ(page_use_get(u, PT_L2, &n), USE_WRONG_TYPE);
        CHECK_EQ(page_use_get(u, PT_WRITABLE, &n), USE_WRONG_TYPE);
    }
    TEST("a former table is checked, so flushed, before it becomes writable; a fresh frame is not")
    {
        struct page_use u = { 0, PT_L1, PS_IDLE, 0, 0 }, n;

        CHECK_EQ(page_use_get(u, PT_WRITABLE, &n), USE_CHECK_IT);
        u.type = PT_WRITABLE;
        CHECK_EQ(page_use_get(u, PT_WRITABLE, &n), USE_TAKEN);
        CHECK_EQ(page_use_get(u, PT_L4, &n), USE_CHECK_IT);
        u.type = PT_NONE;
        CHECK_EQ(page_use_get(u, PT_WRITABLE, &n), USE_TAKEN);
    }
    return check_exit();
}
