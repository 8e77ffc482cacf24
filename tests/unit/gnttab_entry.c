/* SPDX-License-Identifier: GPL-2.0-only */
/* links: core/gnttab_entry.c */
/*
 * The rules of one granted reference, over every state and request: results and what must always
 * hold after.
 */
#include "check.h"

#include "../../core/gnttab_entry.h"

static const uint64_t pins[] = {
    0, PIN_HOST_READ, PIN_HOST_WRITE, PIN_DEV_READ, PIN_DEV_WRITE, PIN_HOST_READ + PIN_DEV_WRITE,
    0x7fff * PIN_HOST_READ, 0x8000 * PIN_HOST_READ, 0x8000 * PIN_HOST_WRITE, 0x8000 * PIN_DEV_READ,
    0x8000 * PIN_DEV_WRITE,
};
static const uint64_t adds[] = {
    PIN_HOST_READ, PIN_HOST_WRITE, PIN_DEV_READ, PIN_DEV_WRITE, PIN_HOST_READ + PIN_DEV_READ,
    PIN_HOST_WRITE + PIN_DEV_WRITE,
};
#define ME 7
#define OTHER 8
#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

static struct grant_state s;
static struct grant_request r;

static bool writes(uint64_t p) { return p & PIN_WRITERS; }

/* Said once more, from the side of who may have what. */
static bool allowed(void)
{
    uint16_t type = s.flags & GTF_type_mask;
    bool transitive = s.pins ? s.kind == GRANT_TRANSITIVE : type == GTF_transitive;
    bool sub = s.pins ? s.kind == GRANT_SUB_PAGE
                      : type == GTF_permit_access && (s.flags & GTF_sub_page);
    bool entry_asked = !s.pins || (writes(r.add) && !writes(s.pins));

    if (s.pins && (s.pinned_by != r.domid || (s.pins & PIN_FULL)))
        return false;
    if ((transitive && (!r.copy || r.no_transitive)) || (sub && !r.copy))
        return false;
    if (!entry_asked)
        return true;
    if (type != GTF_permit_access && type != GTF_transitive)
        return false;
    return s.domid == r.domid && !(writes(r.add) && (s.flags & GTF_readonly));
}

static void check_one(void)
{
    struct grant_step n;
    int16_t status = grant_entry_take(&s, &r, &n);

    if (!allowed()) {
        CHECK_EQ((uint16_t)status, (uint16_t)GNTST_general_error);
        return;
    }
    uint16_t after = s.flags | n.set;
    uint64_t left = n.pins;

    CHECK_EQ(status, GNTST_okay);
    CHECK_EQ(n.pins, s.pins + r.add);
    CHECK_EQ(n.set & ~(GTF_reading | GTF_writing), 0);
    CHECK(after & GTF_reading);
    CHECK(!writes(n.pins) || (after & GTF_writing));
    if (s.pins)
        CHECK_EQ(n.kind, s.kind);
    uint16_t clear = grant_entry_drop(&left, r.add);
    CHECK_EQ(left, s.pins);
    CHECK_EQ(!!(clear & GTF_reading), s.pins == 0);
    CHECK_EQ(!!(clear & GTF_writing), !writes(s.pins));
}

/* States that can be: pins stand with their bits set, put there for s.pinned_by. */
static void every_request(void)
{
    for (unsigned int a = 0; a < ARRAY(adds); a++)
        for (unsigned int copy = 0; copy < 3; copy++) {
            r = (struct grant_request){
                .domid = ME, .add = adds[a], .copy = copy > 0, .no_transitive = copy == 2
            };
            check_one();
        }
}

static void every_state(void)
{
    for (unsigned int p = 0; p < ARRAY(pins); p++)
        for (unsigned int flags = 0; flags < 0x200; flags++)
            for (unsigned int who = 0; who < 4; who++)
                for (unsigned int kind = 0; kind < 3; kind++) {
                    s = (struct grant_state){ .flags = (uint16_t)flags,
                                              .domid = who & 1 ? ME : OTHER, .pins = pins[p],
                                              .pinned_by = who & 2 ? ME : OTHER,
                                              .kind = (uint8_t)kind };
                    if (s.pins)
                        s.flags |= GTF_reading;
                    if (writes(s.pins))
                        s.flags |= GTF_writing;
                    every_request();
                }
}

int main(void)
{
    TEST("every state, request and edge count: who may, and the bits that follow")
        every_state();
    TEST("the counts are four separate fields") {
        uint64_t p = 3 * PIN_HOST_READ + 2 * PIN_DEV_WRITE;

        CHECK_EQ(grant_entry_drop(&p, PIN_DEV_WRITE), 0);
        CHECK_EQ(grant_entry_drop(&p, PIN_DEV_WRITE), GTF_writing);
        CHECK_EQ(grant_entry_drop(&p, 2 * PIN_HOST_READ), GTF_writing);
        CHECK_EQ(grant_entry_drop(&p, PIN_HOST_READ), GTF_reading | GTF_writing);
        CHECK_EQ(p, 0);
    }
    return check_exit();
}
