/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/rangeset.c core/lock.c */
/*
 * Rangesets against a bitmap of small numbers, at the ends of the number line, and out of memory.
 */
#include <stdlib.h>

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/page.h>
#include <hv/rangeset.h>
#include <hv/smp.h>

#include "check.h"

struct vcpu *host_current[64];
unsigned int host_cpu;

static int fail_after = -1; /* allocations that still succeed; -1: all */
static unsigned int live;

void panic(const char *fmt, ...) { abort(); }
void cpu_wait(void) { abort(); }

void *hv_alloc(size_t size)
{
    if (size > PAGE_SIZE)
        abort();
    if (fail_after == 0)
        return NULL;
    if (fail_after > 0)
        fail_after--;
    live++;
    return calloc(1, size);
}

void hv_free(void *p)
{
    live -= p != NULL;
    free(p);
}

void *hv_page_alloc(unsigned int order)
{
    if (fail_after == 0)
        return NULL;
    live++;
    return calloc(PAGE_SIZE, 1U << order);
}

void hv_page_free(void *va, unsigned int order) { hv_free(va); }

#define NUMBERS 256
static bool in[NUMBERS];

static void model(bool value, unsigned int first, unsigned int last)
{
    for (unsigned int i = first; i <= last; i++)
        in[i] = value;
}

static bool same_as_model(struct rangeset *r)
{
    uint64_t from = 0, first, last, after_last = 0;
    unsigned int i = 0;

    while (rangeset_next(r, from, &first, &last)) {
        if (first > last || last >= NUMBERS || (after_last && first <= after_last))
            return false; /* out of order, or two ranges that touch */
        for (; i < first; i++)
            if (in[i])
                return false;
        for (; i <= last; i++)
            if (!in[i])
                return false;
        from = last + 1;
        after_last = last + 1;
    }
    for (; i < NUMBERS; i++)
        if (in[i])
            return false;
    return true;
}

static bool asks_like_model(struct rangeset *r, unsigned int first, unsigned int last)
{
    bool all = true, some = false;

    for (unsigned int i = first; i <= last; i++) {
        all = all && in[i];
        some = some || in[i];
    }
    return rangeset_contains(r, first, last) == all && rangeset_intersects(r, first, last) == some;
}

int main(void)
{
    TEST("an empty set has nothing")
    {
        struct rangeset *r = rangeset_new();
        uint64_t a, b;

        CHECK(rangeset_empty(r));
        CHECK(!rangeset_contains(r, 0, 0));
        CHECK(!rangeset_intersects(r, 0, ~0ULL));
        CHECK(!rangeset_next(r, 0, &a, &b));
        CHECK_EQ(rangeset_remove(r, 3, 9), 0);
        rangeset_free(r);
        rangeset_free(NULL);
    }
    TEST("backward ranges are refused, and contain nothing")
    {
        struct rangeset *r = rangeset_new();

        CHECK_EQ(rangeset_add(r, 5, 4), -EINVAL);
        CHECK_EQ(rangeset_remove(r, 5, 4), -EINVAL);
        CHECK_EQ(rangeset_add(r, 0, 100), 0);
        CHECK(!rangeset_contains(r, 5, 4));
        CHECK(!rangeset_intersects(r, 5, 4));
        rangeset_free(r);
    }
    TEST("the ends of the number line")
    {
        struct rangeset *r = rangeset_new();

        CHECK_EQ(rangeset_add(r, 0, ~0ULL), 0);
        CHECK(rangeset_contains(r, 0, ~0ULL));
        CHECK_EQ(rangeset_remove(r, ~0ULL, ~0ULL), 0);
        CHECK_EQ(rangeset_remove(r, 0, 0), 0);
        CHECK(!rangeset_intersects(r, 0, 0));
        CHECK(!rangeset_intersects(r, ~0ULL, ~0ULL));
        CHECK(rangeset_contains(r, 1, ~0ULL - 1));
        CHECK_EQ(rangeset_add(r, ~0ULL, ~0ULL), 0);
        CHECK_EQ(rangeset_add(r, 0, 0), 0);
        CHECK(rangeset_contains(r, 0, ~0ULL));
        CHECK_EQ(rangeset_remove(r, 0, ~0ULL), 0);
        CHECK(rangeset_empty(r));
        rangeset_free(r);
    }
    TEST("random changes follow a bitmap")
    {
        struct rangeset *r = rangeset_new();

        srand(2);
        for (unsigned int n = 0; n < 50000; n++) {
            unsigned int first = (unsigned int)rand() % NUMBERS;
            unsigned int longest = rand() % 2 ? 4 : 64;
            unsigned int last = first + (unsigned int)rand() % MIN(NUMBERS - first, longest);
            bool add = rand() % 2;

            model(add, first, last);
            CHECK_EQ(add ? rangeset_add(r, first, last) : rangeset_remove(r, first, last), 0);
            first = (unsigned int)rand() % NUMBERS;
            last = first + (unsigned int)rand() % (NUMBERS - first);
            if (!CHECK(same_as_model(r)) || !CHECK(asks_like_model(r, first, last)))
                break;
        }
        rangeset_free(r);
    }
    TEST("thousands of ranges")
    {
        struct rangeset *r = rangeset_new();

        for (uint64_t i = 0; i < 5000; i++)
            CHECK_EQ(rangeset_add(r, i * 3 + 1, i * 3 + 2), 0);
        for (uint64_t i = 0; i < 5000; i++)
            CHECK(rangeset_contains(r, i * 3 + 1, i * 3 + 2) &&
                  !rangeset_intersects(r, i * 3, i * 3));
        CHECK_EQ(rangeset_add(r, 0, 15000), 0);
        CHECK(rangeset_contains(r, 0, 15000));
        rangeset_free(r);
    }
    TEST("out of memory changes nothing")
    {
        struct rangeset *r = rangeset_new();

        fail_after = 0;
        CHECK(rangeset_new() == NULL);
        CHECK_EQ(rangeset_add(r, 1, 2), -ENOMEM);
        CHECK(rangeset_empty(r));
        fail_after = -1;
        for (uint64_t i = 0; i < 8; i++)
            CHECK_EQ(rangeset_add(r, i * 10, i * 10 + 5), 0);
        fail_after = 0;
        CHECK_EQ(rangeset_add(r, 1000, 1000), -ENOMEM);
        CHECK_EQ(rangeset_remove(r, 2, 2), -ENOMEM);
        CHECK(rangeset_contains(r, 0, 5) && !rangeset_intersects(r, 76, ~0ULL));
        fail_after = -1;
        rangeset_free(r);
    }
    TEST("no memory is left behind")
        CHECK_EQ(live, 0);
    return check_exit();
}
