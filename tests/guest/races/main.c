/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Use against unmapping, from two vcpus of an unprivileged domain on two cpus: one writes through a
 * mapping for ever, the other takes the mapping away. Once the request has returned, nothing may be
 * written through a TLB that was not flushed: neither into a page that another domain had granted,
 * nor into one that went back to the hypervisor and came again as something else.
 */
#include "domu.h"

const char *test_name = "races";

#define LONG 40000 /* ms */
#define ROUNDS 300
#define REF 9

static struct domu u;
static char given[PAGE] __attribute__((aligned(PAGE))); /* the first domain's, granted */
static struct {
    volatile unsigned int round;  /* the attacker has unmapped for the n-th time */
    volatile unsigned int looked; /* and the first domain has looked at its page */
    volatile bool over;
} shared __attribute__((aligned(PAGE))), *theirs;

/* --- the attacker ----------------------------------------------------------------------------- */

static char window[PAGE] __attribute__((aligned(PAGE)));
static volatile bool writing, quit;
static volatile uint64_t stores; /* that succeeded */

static void writer(void)
{
    while (!quit) /* even numbers: as entries of a table they are not present */
        if (writing && probe_write(window, stores << 1) == 0)
            stores++;
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
    for (;;)
        ;
}

static bool wait_for_stores(void)
{
    const uint64_t end = now_ns() + 5000000000UL, had = stores;

    while (stores == had && now_ns() < end)
        __asm__ volatile("pause");
    return stores != had;
}

static long grant_op(unsigned int op, void *arg)
{
    return hypercall(__HYPERVISOR_grant_table_op, op, arg, 1);
}

/* The granted page, mapped and unmapped while the other vcpu writes to it. */
static void unmap_in_use(void)
{
    unsigned int n;

    set_va((uint64_t)window, 0);
    for (n = 0; n < ROUNDS; n++) {
        struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)window, .ref = REF, .dom = 0,
                                          .flags = GNTMAP_host_map };
        struct gnttab_unmap_grant_ref un = { .host_addr = (uint64_t)window };

        grant_op(GNTTABOP_map_grant_ref, &m);
        if (m.status != GNTST_okay || !wait_for_stores())
            break;
        un.handle = m.handle;
        grant_op(GNTTABOP_unmap_grant_ref, &un);
        if (un.status != GNTST_okay)
            break;
        shared.round = n + 1;
        while (shared.looked != n + 1)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    CHECK_EQ(n, ROUNDS, "a grant is unmapped while it is written to, many times");
}

static long reservation(unsigned int op, xen_pfn_t *extent)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, extent);
    return hypercall(__HYPERVISOR_memory_op, op, &r);
}

/*
 * A page is given back without any flush, and comes again at another place. It is most often the
 * same frame, which the other vcpu's TLB may still know as writable.
 */
static void give_back_in_use(void)
{
    char *other = alloc_page();
    uint64_t mfn = spare_mfn(), came;
    unsigned int n, same = 0, dirty = 0;

    set_va((uint64_t)other, 0);
    for (n = 0; n < ROUNDS; n++) {
        xen_pfn_t extent = mfn;

        if (hypercall(__HYPERVISOR_update_va_mapping, window, mfn * PAGE | PTE_RW_KERNEL, 0) ||
            !wait_for_stores())
            break;
        hypercall(__HYPERVISOR_update_va_mapping, window, 0, 0); /* no flush */
        if (reservation(XENMEM_decrease_reservation, &extent) != 1)
            break;
        extent = start_info->nr_pages - 1;
        if (reservation(XENMEM_populate_physmap, &extent) != 1)
            break;
        came = extent;
        if (set_va((uint64_t)other, came * PAGE | PTE_RW_KERNEL))
            break;
        same += came == mfn;
        *(volatile uint64_t *)other = 1;
        for (unsigned int i = 0; i < 300; i++)
            dirty += *(volatile uint64_t *)other != 1;
        set_va((uint64_t)other, 0);
        mfn = came;
    }
    CHECK_EQ(n, ROUNDS, "a page is given back while it is written to, many times");
    CHECK(same > 0, "... and comes back as the same frame");
    CHECK_EQ(dirty, 0, "... and is never written by its former mapping");
}

/* The same with a page that becomes a page table: its entries are the hypervisor's affair. */
static void table_in_use(void)
{
    uint64_t mfn = spare_mfn(), was;
    unsigned int n, pinned = 0, dirty = 0;
    char *view = alloc_page();

    for (n = 0; n < ROUNDS; n++) {
        struct mmuext_op clear = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn };
        struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn };
        struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn };

        if (hypercall(__HYPERVISOR_update_va_mapping, window, mfn * PAGE | PTE_RW_KERNEL, 0) ||
            !wait_for_stores())
            break;
        hypercall(__HYPERVISOR_update_va_mapping, window, 0, 0);
        hypercall(__HYPERVISOR_mmuext_op, &clear, 1, 0, DOMID_SELF);
        if (hypercall(__HYPERVISOR_mmuext_op, &pin, 1, 0, DOMID_SELF))
            continue;
        pinned++;
        set_va((uint64_t)view, mfn * PAGE | PTE_RO_KERNEL);
        was = *(volatile uint64_t *)view;
        for (unsigned int i = 0; i < 300; i++)
            dirty += *(volatile uint64_t *)view != was;
        set_va((uint64_t)view, 0);
        hypercall(__HYPERVISOR_mmuext_op, &unpin, 1, 0, DOMID_SELF);
    }
    CHECK_EQ(n, ROUNDS, "a page becomes a table while it is written to, many times");
    CHECK(pinned > 0, "... and is accepted");
    CHECK_EQ(dirty, 0, "... and then never written by its former mapping");
}

static void attack(void)
{
    CHECK_EQ(vcpu_start(writer), 0, "start the vcpu that writes");
    writing = true;
    unmap_in_use();
    give_back_in_use();
    table_in_use();
    shared.over = true;
    quit = true;
}

/* --- the first domain ------------------------------------------------------------------------- */

static struct grant_entry_v1 *grants;

static void map_grants(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    grant_op(GNTTABOP_setup_table, &setup);
    grants = alloc_page();
    set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL);
}

/* After each unmapping: the page is ours alone. */
static unsigned int look(void)
{
    unsigned int dirty = 0;

    *(volatile uint64_t *)given = 1;
    for (unsigned int i = 0; i < 300; i++)
        dirty += *(volatile uint64_t *)given != 1;
    return dirty + ((grants[REF].flags & (GTF_reading | GTF_writing)) != 0);
}

void test_main(void)
{
    unsigned int seen = 0, dirty = 0;
    uint64_t end;

    map_grants();
    if (domu_create(&u, &(struct domu_config){ .fn = attack, .vcpus = 2, .spare = 16 })) {
        CHECK(false, "create the attacker");
        return;
    }
    grants[REF] = (struct grant_entry_v1){ GTF_permit_access, u.id, (uint32_t)va_to_mfn(given) };
    theirs = domu_map(&u, &shared);
    domu_unpause(&u);
    for (end = now_ns() + LONG * 1000000UL; !theirs->over && seen < ROUNDS && now_ns() < end;) {
        if (theirs->round == seen) {
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
            continue;
        }
        dirty += look();
        theirs->looked = ++seen;
    }
    CHECK_EQ(seen, ROUNDS, "the first domain looks at its page after each unmapping");
    CHECK_EQ(dirty, 0, "... which is never written afterwards");
    domu_unmap(theirs);
    domu_finish(&u, LONG);
    CHECK_EQ(grants[REF].flags & (GTF_reading | GTF_writing), 0, "the grant is free in the end");
}
