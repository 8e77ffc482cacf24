/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Version 2 of the grant table in hostile hands: an unprivileged domain changes versions with
 * grants in use, keeps status frames that it has given back, forges status words, lends grants on
 * in loops, and changes versions on one vcpu while the other maps and copies. The first domain has
 * version 2 as well, lends to it and borrows from it; nothing of its may change.
 */
#include "domu.h"

const char *test_name = "grants2";

#define LONG 20000 /* ms */
#define ROUNDS 400
#define REF 9 /* the first that a change of version does not keep */
#define BITS (GTF_reading | GTF_writing)
#define FORGED 0xffffffffffffUL

static struct domu u;
static uint64_t victim_mfn;
static char page[PAGE] __attribute__((aligned(PAGE)));
static char other[PAGE] __attribute__((aligned(PAGE)));
static char window[PAGE] __attribute__((aligned(PAGE)));

static union grant_entry_v2 *entries;
static struct grant_entry_v1 *entries1; /* the same frame */
static volatile grant_status_t *status;

/* What both sides see. */
static struct {
    volatile unsigned int step;
    volatile bool over;
} shared __attribute__((aligned(PAGE))), *theirs;

/* --- calls ------------------------------------------------------------------------------------ */

static long grant_op(unsigned int op, void *arg)
{
    return hypercall(__HYPERVISOR_grant_table_op, op, arg, 1);
}

static long set_version(uint32_t n)
{
    struct gnttab_set_version op = { .version = n };

    return grant_op(GNTTABOP_set_version, &op);
}

static uint32_t version(void)
{
    struct gnttab_get_version op = { .dom = DOMID_SELF };

    return grant_op(GNTTABOP_get_version, &op) ? 0 : op.version;
}

static int status_frames(uint32_t n, uint64_t *list)
{
    struct gnttab_get_status_frames op = { .nr_frames = n, .dom = DOMID_SELF };

    set_xen_guest_handle(op.frame_list, list);
    return grant_op(GNTTABOP_get_status_frames, &op) ? GNTST_general_error : op.status;
}

static void map_frame(void *at, uint64_t frame)
{
    CHECK_EQ(set_va((uint64_t)at, frame * PAGE | PTE_RW_KERNEL), 0, "map a frame of the table");
}

static void start_table(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    grant_op(GNTTABOP_setup_table, &setup);
    entries = alloc_page();
    entries1 = (void *)entries;
    map_frame(entries, frame);
}

static void to_version_2(void)
{
    uint64_t frame = 0;

    CHECK_EQ(set_version(2), 0, "change to version 2");
    CHECK_EQ(status_frames(1, &frame), GNTST_okay, "... which has a status frame");
    if (!status)
        status = alloc_page();
    map_frame((void *)status, frame);
}

/* Stock Xen refuses while the status frame is mapped. */
static long to_version_1(void)
{
    domu_unmap((void *)status);
    return set_version(1);
}

static int map(domid_t dom, grant_ref_t ref, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)window, .dom = dom, .ref = ref,
                                      .flags = GNTMAP_host_map | flags };

    set_va((uint64_t)window, 0);
    if (grant_op(GNTTABOP_map_grant_ref, &m))
        return GNTST_general_error;
    *handle = m.handle;
    return m.status;
}

static int unmap(grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref m = { .host_addr = (uint64_t)window, .handle = handle };

    return grant_op(GNTTABOP_unmap_grant_ref, &m) ? GNTST_general_error : m.status;
}

/* From a grant to our page `other`. */
static int copy(domid_t dom, grant_ref_t ref, unsigned int offset, unsigned int len)
{
    struct gnttab_copy c = { .len = (uint16_t)len, .flags = GNTCOPY_source_gref };

    c.source.domid = dom;
    c.source.u.ref = ref;
    c.source.offset = (uint16_t)offset;
    c.dest.domid = DOMID_SELF;
    c.dest.u.gmfn = va_to_mfn(other);
    return grant_op(GNTTABOP_copy, &c) ? GNTST_general_error : c.status;
}

static void offer(grant_ref_t ref, domid_t to, uint64_t frame, uint16_t flags)
{
    entries[ref].full_page.frame = frame;
    entries[ref].hdr.domid = to;
    __atomic_store_n(&entries[ref].hdr.flags, flags, __ATOMIC_SEQ_CST);
}

static void offer_part(grant_ref_t ref, domid_t to, uint16_t offset, uint16_t length)
{
    offer(ref, 0, va_to_mfn(page), 0);
    entries[ref].sub_page.page_off = offset;
    entries[ref].sub_page.length = length;
    offer(ref, to, va_to_mfn(page), GTF_permit_access | GTF_sub_page);
}

static void lend_on(grant_ref_t ref, domid_t to, domid_t of, grant_ref_t its)
{
    entries[ref].transitive.trans_domid = of;
    entries[ref].transitive.gref = its;
    entries[ref].hdr.domid = to;
    __atomic_store_n(&entries[ref].hdr.flags, GTF_transitive, __ATOMIC_SEQ_CST);
}

/* --- the attacker, alone ---------------------------------------------------------------------- */

static void bad_versions(void)
{
    uint64_t frame[64];

    CHECK(set_version(0) < 0, "version 0");
    CHECK(set_version(3) < 0, "version 3");
    CHECK(set_version(~0U) < 0, "version -1");
    CHECK_EQ(version(), 1, "... and it is still 1");
    CHECK(status_frames(1, frame) != GNTST_okay, "version 1 has no status frames");
    to_version_2();
    CHECK_EQ(version(), 2, "it is 2");
    CHECK_EQ(status_frames(0, frame), GNTST_okay, "no status frames at all");
    CHECK(status_frames(2, frame) != GNTST_okay, "more status frames than there are");
    CHECK(status_frames(~0U, frame) != GNTST_okay, "4 G of them");
    CHECK(status_frames(1, (uint64_t *)0xffff830000000000) != GNTST_okay,
          "status frames to the hypervisor's address");
}

static void version_in_use(void)
{
    grant_handle_t h;

    offer(REF, u.id, va_to_mfn(page), GTF_permit_access);
    CHECK_EQ(map(DOMID_SELF, REF, 0, &h), GNTST_bad_domain, "nobody is DOMID_SELF in a mapping");
    CHECK_EQ(map(u.id, REF, 0, &h), GNTST_okay, "map an own grant");
    CHECK_EQ(status[REF] & BITS, BITS, "its status says so");
    CHECK_EQ(set_version(1), -XEBUSY, "no change of version while a grant is in use");
    CHECK_EQ(set_version(2), 0, "... but to the one that it is");
    CHECK_EQ(version(), 2, "it is still 2");
    status[REF] = 0xffff;
    status[REF + 1] = 0;
    CHECK_EQ(unmap(h), GNTST_okay, "unmap with a forged status");
    CHECK_EQ(status[REF] & BITS, 0, "... and the bits are clear");
    CHECK_EQ(map(u.id, REF, 0, &h), GNTST_okay, "map it again");
    offer(REF, 77, FORGED, GTF_permit_access);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay || version() == 2, "use an entry that was changed");
    CHECK_EQ(unmap(h), GNTST_okay, "unmap after the entry was changed");
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "map a frame that there is not");
    offer(REF, u.id, FORGED, GTF_permit_access);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "... also when it is for us");
    offer(REF, u.id, victim_mfn, GTF_permit_access);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "map another's frame by an own grant");
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "... or copy from it");
    offer(REF, u.id, pt_entry_maddr((uint64_t)window, 1) / PAGE, GTF_permit_access);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "map an own page table, writable");
    offer(REF, u.id, va_to_mfn(page), 0xffff & ~GTF_type_mask);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "all bits but a type");
    offer(REF, u.id, va_to_mfn(page), 0xffff);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "all bits");
    offer(REF, u.id, va_to_mfn(page), GTF_accept_transfer);
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "a grant for a transfer");
    CHECK_EQ(status[REF] & BITS, 0, "... and none of these is in use");
    offer(REF, 0, 0, 0);
}

static void parts(void)
{
    grant_handle_t h;

    memset(page, 0x11, PAGE);
    offer_part(REF, u.id, 64, 64);
    CHECK(map(u.id, REF, GNTMAP_readonly, &h) != GNTST_okay, "a part of a page cannot be mapped");
    CHECK_EQ(copy(u.id, REF, 64, 64), GNTST_okay, "... but copied");
    CHECK(copy(u.id, REF, 63, 2) != GNTST_okay, "... not from before it");
    CHECK(copy(u.id, REF, 127, 2) != GNTST_okay, "... nor beyond its end");
    CHECK(copy(u.id, REF, 0, 4096) != GNTST_okay, "... nor around it");
    offer_part(REF, u.id, 0xfff0, 0xffff);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "a part beyond the page");
    CHECK(copy(u.id, REF, 0xfff0, 64) != GNTST_okay, "... cannot be reached at its place");
    offer_part(REF, u.id, 0, 0xffff);
    CHECK(copy(u.id, REF, 4095, 2) != GNTST_okay, "a part longer than a page ends with it");
    CHECK(copy(u.id, REF, 1, 0xffff) != GNTST_okay, "... however long the copy");
    offer_part(REF, u.id, 0, 0);
    CHECK(copy(u.id, REF, 0, 1) != GNTST_okay, "an empty part");
    CHECK_EQ(status[REF] & BITS, 0, "... and it is not in use");
    offer(REF, 0, 0, 0);
}

static void loops(void)
{
    grant_handle_t h;

    lend_on(REF, u.id, u.id, REF);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "a grant that lends itself on");
    CHECK(map(u.id, REF, 0, &h) != GNTST_okay, "... cannot be mapped");
    lend_on(REF + 1, u.id, u.id, REF);
    CHECK(copy(u.id, REF + 1, 0, 8) != GNTST_okay, "a grant of that one");
    lend_on(REF, u.id, 0, REF + 2); /* that lends us REF + 3 of ours, and back again */
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "a loop through another domain");
    lend_on(REF, u.id, 0, REF + 1); /* a grant to lend on a second time */
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "a chain of two");
    lend_on(REF, u.id, 0, REF);
    CHECK_EQ(copy(u.id, REF, 0, 8), GNTST_okay, "a chain of one is allowed");
    CHECK_EQ(*(uint64_t *)other, 0x3333333333333333, "... and copies what was lent");
    lend_on(REF, u.id, 0, REF + 4);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "what the other lends to nobody");
    lend_on(REF, u.id, 0, ~0U);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "a huge reference of another's");
    lend_on(REF, u.id, DOMID_XEN, REF);
    CHECK(copy(u.id, REF, 0, 8) != GNTST_okay, "what nobody lends");
    CHECK_EQ((status[REF] | status[REF + 1]) & BITS, 0, "... and none is in use");
    offer(REF, 0, 0, 0);
    offer(REF + 1, 0, 0, 0);
}

static void swaps(void)
{
    struct gnttab_swap_grant_ref swap = { .ref_a = REF, .ref_b = REF + 1 };
    struct gnttab_cache_flush flush = { .a.dev_bus_addr = victim_mfn * PAGE, .length = 64,
                                        .op = GNTTAB_CACHE_INVAL };
    grant_handle_t h;

    offer(REF, u.id, va_to_mfn(page), GTF_permit_access);
    map(u.id, REF, GNTMAP_readonly, &h);
    CHECK(grant_op(GNTTABOP_swap_grant_ref, &swap) || swap.status != GNTST_okay,
          "swap a grant in use");
    CHECK_EQ(status[REF] & BITS, GTF_reading, "... which stays where it is");
    unmap(h);
    swap.ref_b = 256;
    CHECK(grant_op(GNTTABOP_swap_grant_ref, &swap) || swap.status != GNTST_okay,
          "swap with one beyond the table");
    swap.ref_b = ~0U;
    CHECK(grant_op(GNTTABOP_swap_grant_ref, &swap) || swap.status != GNTST_okay,
          "swap with a huge one");
    CHECK(grant_op(GNTTABOP_cache_flush, &flush) < 0, "throw away another's cache lines");
    flush.offset = 4095;
    flush.a.dev_bus_addr = va_to_mfn(page) * PAGE;
    CHECK(grant_op(GNTTABOP_cache_flush, &flush) < 0, "... or beyond a page");
    offer(REF, 0, 0, 0);
}

/* The first 8 grants survive a change of version, also while they are in use. */
static void reserved_in_use(void)
{
    grant_handle_t h;

    offer(3, u.id, va_to_mfn(page), GTF_permit_access);
    CHECK_EQ(map(u.id, 3, 0, &h), GNTST_okay, "map a grant that survives");
    CHECK_EQ(to_version_1(), 0, "change to version 1 meanwhile");
    CHECK_EQ(entries1[3].flags & BITS, BITS, "... where it is in use");
    CHECK_EQ(entries1[3].frame, va_to_mfn(page), "... and the same");
    to_version_2();
    CHECK_EQ(status[3] & BITS, BITS, "... and in version 2 again");
    CHECK_EQ(to_version_1(), 0, "back once more");
    CHECK_EQ(unmap(h), GNTST_okay, "unmap it in the other version");
    CHECK_EQ(entries1[3].flags & BITS, 0, "... and it is free");
    entries1[3].flags = 0;
    to_version_2();
    lend_on(3, u.id, 0, REF);
    CHECK(set_version(1) < 0, "no version 1 for a grant that it cannot say");
    offer(3, u.id, FORGED, GTF_permit_access);
    CHECK(set_version(1) < 0, "... nor for such a frame");
    offer(3, 0, 0, 0);
}

/* Still mapped, a status frame is given back by the change to version 1, or that is refused. */
static void kept_status(void)
{
    volatile uint64_t *kept = alloc_page();
    uint64_t frame = 0, dirty = 0;

    to_version_2();
    status_frames(1, &frame);
    map_frame((void *)kept, frame);
    if (set_version(1) == 0) {
        for (unsigned int i = 0; i < PAGE / 8; i++)
            kept[i] = ~0UL;
        CHECK(status_frames(1, &frame) != GNTST_okay, "the status frame is gone");
        to_version_2();
        for (unsigned int i = 0; i < PAGE / 2; i++)
            dirty += status[i] != 0;
        CHECK_EQ(dirty, 0, "one that was kept mapped does not come again");
    } else {
        CHECK_EQ(version(), 2, "no change of version with a status frame mapped");
        to_version_2();
    }
    domu_unmap((void *)kept);
}

/* --- the attacker, on two vcpus --------------------------------------------------------------- */

static volatile bool quit;
static volatile uint64_t tries, hits;

/* Uses of grants, in whatever version the table is at the moment. */
static void user(void)
{
    grant_handle_t h;

    while (!quit) {
        tries++;
        if (map(u.id, REF, 0, &h) == GNTST_okay) {
            hits++;
            *(volatile uint64_t *)window = 1;
            while (unmap(h) != GNTST_okay)
                ;
        }
        hits += copy(u.id, REF + 1, 0, 16) == GNTST_okay;
        hits += copy(0, REF, 0, 16) == GNTST_okay;
    }
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
    for (;;)
        ;
}

/* Entries for either version: the table says which one it is only when it has changed. */
static void offer_either(uint32_t n)
{
    const uint32_t mfn = (uint32_t)va_to_mfn(page);

    if (n == 1) {
        entries1[REF] = (struct grant_entry_v1){ GTF_permit_access, u.id, mfn };
        entries1[REF + 1] = (struct grant_entry_v1){ GTF_permit_access, u.id, mfn };
        entries1[REF + 2] = (struct grant_entry_v1){ GTF_permit_access, 0, mfn };
    } else {
        offer(REF, u.id, mfn, GTF_permit_access);
        lend_on(REF + 1, u.id, 0, REF);
        offer(REF + 2, 0, mfn, GTF_permit_access);
    }
}

static void race(void)
{
    struct gnttab_swap_grant_ref swap = { .ref_a = REF, .ref_b = REF + 1 };
    unsigned int n, changed = 0, busy = 0;
    uint64_t frame, had;

    domu_unmap((void *)status);
    CHECK_EQ(vcpu_start(user), 0, "start the vcpu that uses grants");
    shared.step = 1;
    for (n = 0; n < ROUNDS; n++) {
        long rc = set_version(1 + n % 2);

        changed += rc == 0;
        busy += rc == -XEBUSY || rc == -XEAGAIN; /* the latter from stock Xen now and then */
        offer_either(version());
        for (had = tries; tries < had + 2;)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        status_frames(1, &frame);
        grant_op(GNTTABOP_swap_grant_ref, &swap);
        entries[REF].hdr.flags = entries[REF + 1].hdr.flags = 0;
        entries1[REF].flags = entries1[REF + 1].flags = 0;
    }
    quit = true;
    shared.over = true;
    CHECK_EQ(changed + busy, ROUNDS, "versions change under use, or may not while it lasts");
    CHECK(changed > ROUNDS / 20 && hits > 0, "... both happen");
    while (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) == 1)
        ;
}

static void attack(void)
{
    status = NULL; /* the first domain's */
    start_table();
    bad_versions();
    version_in_use();
    parts();
    loops();
    swaps();
    reserved_in_use();
    kept_status();
    race();
    /* what was in use comes to an end */
    for (uint32_t n = 1; n <= 2; n++) {
        CHECK(YIELD_UNTIL(set_version(n) == 0, 2000), "nothing is in use after all this");
        CHECK_EQ(version(), n, "... and the version changes");
    }
    offer(REF, u.id, va_to_mfn(page), GTF_permit_access);
    map(u.id, REF, 0, &(grant_handle_t){ 0 }); /* and dies with it */
}

/* --- the first domain ------------------------------------------------------------------------- */

static void lend(void)
{
    offer(REF, u.id, va_to_mfn(page), GTF_permit_access | GTF_readonly);
    lend_on(REF + 1, u.id, 0, REF);
    lend_on(REF + 2, u.id, u.id, REF);
    offer(REF + 4, 1234, va_to_mfn(page), GTF_permit_access);
}

/* Our uses of the attacker's grant while it changes versions. */
static unsigned int borrow(void)
{
    unsigned int n = 0;
    grant_handle_t h;

    if (map(u.id, REF + 2, GNTMAP_readonly, &h) == GNTST_okay) {
        n++;
        if (unmap(h) != GNTST_okay)
            CHECK(false, "what was mapped can be unmapped");
    }
    return n + (copy(u.id, REF + 2, 0, 8) == GNTST_okay);
}

static void untouched(void)
{
    unsigned int dirty = 0;

    for (unsigned int i = 0; i < PAGE; i++)
        dirty += page[i] != 0x33;
    CHECK_EQ(dirty, 0, "the first domain's page is as it was");
    for (grant_ref_t ref = REF; ref < REF + 5; ref++)
        if (status[ref] & BITS)
            CHECK_EQ(ref, -1, "... and no grant of its is in use");
    CHECK_EQ(version(), 2, "... nor has its table changed");
    for (grant_ref_t ref = REF; ref < REF + 5; ref++)
        offer(ref, 0, 0, 0);
    CHECK_EQ(to_version_1(), 0, "... and its own version can change");
}

void test_main(void)
{
    unsigned int borrowed = 0;
    uint64_t end;

    start_table();
    to_version_2();
    victim_mfn = va_to_mfn(page);
    memset(page, 0x33, PAGE);
    if (domu_create(&u, &(struct domu_config){ .fn = attack, .vcpus = 2, .spare = 16 })) {
        CHECK(false, "create the attacker");
        return;
    }
    lend();
    theirs = domu_map(&u, &shared);
    domu_unpause(&u);
    YIELD_UNTIL(theirs->step, LONG);
    for (end = now_ns() + LONG * 1000000UL; !theirs->over && now_ns() < end;) {
        borrowed += borrow();
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    CHECK(theirs->over, "the attacker comes to its end");
    CHECK(borrowed > 0, "... and its grants could be used meanwhile");
    domu_unmap(theirs);
    domu_finish(&u, LONG);
    untouched();
}
