/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a domain may have at most, and what is kept for one that is being built: claims on memory
 * (XENMEM_claim_pages), limits on grant frames, mappings and event channels as createdomain gives
 * them, and the frames of a grant table as the toolstack gets them (XENMEM_acquire_resource).
 */
#include "domu.h"
#include "grants.h"

const char *test_name = "limits";

#define LONG 10000 /* ms that nothing should take */
#define NO_DOMAIN 4242
#define BATCH 256U
#define GRANT_FRAMES 48U

static domid_t a, b; /* domains without anything */
static struct domu u;

static char window[2][PAGE] __attribute__((aligned(PAGE)));
static uint64_t list[1024];

/* --- domains that never run ------------------------------------------------------------------- */

static long create(domid_t *id, struct xen_domctl_createdomain c)
{
    struct xen_domctl op = { 0 };
    long rc;

    c.max_vcpus = 1;
    op.u.createdomain = c;
    rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    *id = op.domain;
    return rc;
}

static const struct xen_domctl_createdomain usual = {
    .max_evtchn_port = 1023, .max_grant_frames = GRANT_FRAMES, .max_maptrack_frames = 64,
    .grant_opts = XEN_DOMCTL_GRANT_version(2),
};

static bool is_gone(domid_t id)
{
    struct xen_domctl op = { 0 };

    return domctl(XEN_DOMCTL_getdomaininfo, id, &op) != 0 || op.domain != id;
}

static long destroy(domid_t id)
{
    struct xen_domctl op = { 0 };

    return domctl(XEN_DOMCTL_destroydomain, id, &op);
}

static void max_mem(domid_t id, uint64_t pages)
{
    struct xen_domctl op = { 0 };

    op.u.max_mem.max_memkb = pages * 4;
    CHECK_EQ(domctl(XEN_DOMCTL_max_mem, id, &op), 0, "what a domain may have at most");
}

/* --- claims ----------------------------------------------------------------------------------- */

static struct xen_sysctl_physinfo physinfo(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    hypercall(__HYPERVISOR_sysctl, &op);
    return op.u.physinfo;
}

static uint64_t outstanding(domid_t id)
{
    struct xen_domctl op = { 0 };

    return domctl(XEN_DOMCTL_getdomaininfo, id, &op) ? ~0UL : op.u.getdomaininfo.outstanding_pages;
}

static long claim_op(struct xen_memory_reservation r)
{
    return hypercall(__HYPERVISOR_memory_op, XENMEM_claim_pages, &r);
}

static long claim(domid_t id, uint64_t pages)
{
    return claim_op((struct xen_memory_reservation){ .domid = id, .nr_extents = pages });
}

/* Extents done, at most BATCH. */
static long reserve(unsigned int cmd, domid_t id, unsigned int nr, unsigned int order)
{
    struct xen_memory_reservation r = { .domid = id, .nr_extents = nr, .extent_order = order };

    if (cmd == XENMEM_populate_physmap)
        for (unsigned int i = 0; i < nr; i++)
            list[i] = (uint64_t)i << order;
    set_xen_guest_handle(r.extent_start, list);
    return hypercall(__HYPERVISOR_memory_op, cmd, &r);
}

static void both(domid_t id, uint64_t pages, const char *what)
{
    CHECK_EQ(outstanding(id), pages, what);
    CHECK_EQ(physinfo().outstanding_pages, pages, "... and so is the machine's sum");
}

static void claim_arguments(void)
{
    struct xen_memory_reservation r = { .domid = a, .nr_extents = 10 };
    const uint64_t free = physinfo().free_pages;

    CHECK_EQ(claim(NO_DOMAIN, 10), -XEINVAL, "a claim for no domain");
    r.extent_order = 1;
    CHECK_EQ(claim_op(r), -XEINVAL, "a claim of an order");
    r.extent_order = 0;
    r.mem_flags = XENMEMF_exact_node(0);
    CHECK_EQ(claim_op(r), -XEINVAL, "a claim with flags");
    r.mem_flags = 0;
    set_xen_guest_handle(r.extent_start, list);
    CHECK_EQ(claim_op(r), -XEINVAL, "a claim with a list");
    CHECK_EQ(claim(a, 2001), -XEINVAL, "a claim of more than it may have");
    CHECK_EQ(claim(a, 0), 0, "a claim of nothing");
    max_mem(b, 1UL << 30);
    CHECK_EQ(claim(b, free + 1), -XENOMEM, "a claim of more than is free");
    CHECK_EQ(claim(b, 1UL << 30), -XENOMEM, "a claim of far more");
    both(a, 0, "nothing is claimed after all that");
}

static void claim_follows(void)
{
    const uint64_t free = physinfo().free_pages;

    CHECK_EQ(claim(a, 1000), 0, "claim pages");
    both(a, 1000, "the claim is seen");
    CHECK_EQ(physinfo().free_pages, free, "... and no page is taken for it");
    CHECK_EQ(claim(a, 1500), -XEINVAL, "a second claim");
    CHECK_EQ(reserve(XENMEM_populate_physmap, a, 100, 0), 100, "populate some of it");
    both(a, 900, "what is there is not claimed any more");
    CHECK_EQ(reserve(XENMEM_decrease_reservation, a, 10, 0), 10, "give some back");
    both(a, 910, "... which is claimed again");
    CHECK_EQ(claim(a, 0), 0, "take the claim back");
    both(a, 0, "nothing is claimed");
    CHECK_EQ(claim(a, 90), -XEINVAL, "a claim of as much as it has");
    CHECK_EQ(claim(a, 91), 0, "a claim of one more");
    both(a, 1, "... is for that one");
    CHECK_EQ(reserve(XENMEM_populate_physmap, a, 20, 0), 20, "populate past it");
    both(a, 0, "the claim is over");
    CHECK_EQ(reserve(XENMEM_decrease_reservation, a, 10, 0), 10, "give some back");
    both(a, 0, "... and it stays over");
}

/* As much as can be claimed; the rest is for tables and for the hypervisor. */
static uint64_t claim_all(domid_t id)
{
    uint64_t nr = physinfo().free_pages;

    while (nr > 0 && claim(id, nr) == -XENOMEM)
        nr -= nr > 64 ? 64 : nr;
    return nr;
}

static uint64_t fill(domid_t id, uint64_t nr)
{
    uint64_t done = 0, before;
    unsigned int order = 9;

    while (done < nr) {
        uint64_t left = (nr - done) >> order;

        before = done;
        if (left > 0)
            done += (uint64_t)reserve(XENMEM_populate_physmap, id,
                                      (unsigned int)(left < BATCH ? left : BATCH), order) << order;
        if (done == before && order == 0)
            break;
        if (done == before)
            order = 0;
    }
    return done;
}

static void claim_is_kept(void)
{
    const uint64_t free = physinfo().free_pages;
    uint64_t nr;

    CHECK_EQ(destroy(a), 0, "destroy it");
    CHECK(YIELD_UNTIL(is_gone(a), LONG), "... and it is gone");
    CHECK_EQ(create(&a, usual), 0, "one that is to have everything");
    max_mem(a, 1UL << 30);
    nr = claim_all(a);
    CHECK(nr > free - free / 16, "nearly all that is free can be claimed");
    CHECK_EQ(reserve(XENMEM_populate_physmap, b, 200, 0) < 200, true,
             "others do not get what is claimed");
    CHECK_EQ(claim(b, 100000), -XENOMEM, "... nor can they claim it");
    CHECK_EQ(fill(a, nr), nr, "who claimed it gets all of it");
    both(a, 0, "nothing is claimed then");
    CHECK_EQ(destroy(a), 0, "destroy it");
    CHECK(YIELD_UNTIL(is_gone(a), LONG), "... and it is gone");
    CHECK_EQ(reserve(XENMEM_populate_physmap, b, 200, 0), 200, "others get memory again");
}

static void claim_dies(void)
{
    CHECK_EQ(create(&a, usual), 0, "a domain");
    max_mem(a, 1UL << 30);
    CHECK(claim_all(a) > 1000, "... which claims everything");
    CHECK_EQ(destroy(a), 0, "... and is destroyed");
    CHECK(YIELD_UNTIL(is_gone(a), LONG), "... and gone");
    CHECK_EQ(physinfo().outstanding_pages, 0, "... and its claim with it");
    CHECK_EQ(reserve(XENMEM_populate_physmap, b, 100, 0), 100, "others get memory");
}

static void claims(void)
{
    CHECK_EQ(create(&a, usual), 0, "a domain");
    CHECK_EQ(create(&b, usual), 0, "and another");
    max_mem(a, 2000);
    claim_arguments();
    claim_follows();
    claim_is_kept();
    claim_dies();
    destroy(b);
    CHECK(YIELD_UNTIL(is_gone(b), LONG), "all are gone");
}

/* --- resources -------------------------------------------------------------------------------- */

static long acquire_op(struct xen_mem_acquire_resource *r, uint64_t *frames)
{
    set_xen_guest_handle(r->frame_list, frames);
    return hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, r);
}

static long acquire(domid_t id, unsigned int kind, uint64_t frame, uint32_t nr)
{
    struct xen_mem_acquire_resource r = {
        .domid = id, .type = XENMEM_resource_grant_table, .id = kind, .nr_frames = nr,
        .frame = frame
    };

    return acquire_op(&r, list);
}

static long resource_size(domid_t id, unsigned int type, unsigned int kind)
{
    struct xen_mem_acquire_resource r = { .domid = id, .type = (uint16_t)type, .id = kind };

    return acquire_op(&r, NULL) ?: (long)(int)r.nr_frames; /* Xen gives errors here, too */
}

#define SHARED XENMEM_resource_grant_table_id_shared
#define STATUS XENMEM_resource_grant_table_id_status

static void resource_arguments(void)
{
    struct xen_mem_acquire_resource r = {
        .domid = a, .type = XENMEM_resource_grant_table, .nr_frames = 1, .pad = 1
    };

    CHECK_EQ(acquire_op(&r, list), -XEINVAL, "a resource with padding that is not 0");
    r.pad = 0;
    CHECK_EQ(acquire_op(&r, NULL), -XEINVAL, "frames of a resource, to no list");
    CHECK_EQ(acquire(a, SHARED, 0, 0), -XEINVAL, "no frames of a resource");
    CHECK_EQ(acquire(a, 2, 0, 1), -XEINVAL, "a grant table's third kind");
    CHECK_EQ(acquire(NO_DOMAIN, SHARED, 0, 1), -XESRCH, "a resource of no domain");
    CHECK_EQ(acquire(DOMID_SELF, SHARED, 0, 1), -XESRCH, "a resource of oneself");
    CHECK_EQ(acquire(0, SHARED, 0, 1), -XEPERM, "... by number");
    r.type = XENMEM_resource_ioreq_server;
    CHECK_EQ(acquire_op(&r, list), -XEINVAL, "an ioreq server of a domain without");
    r.type = XENMEM_resource_vmtrace_buf;
    CHECK_EQ(acquire_op(&r, list), -XEINVAL, "a trace buffer of a domain without");
    r.type = 17;
    CHECK_EQ(acquire_op(&r, list), -XEOPNOTSUPP, "a resource that there is not");
    CHECK_EQ(resource_size(a, 17, 0), -XEOPNOTSUPP, "... and its size");
    CHECK_EQ(acquire(a, SHARED, GRANT_FRAMES, 1), -XEINVAL, "a frame past the limit");
    CHECK_EQ(acquire(a, SHARED, 1UL << 32, 1), -XEINVAL, "a frame with a large number");
    CHECK_EQ(acquire(a, SHARED, ~0UL, 2), -XEINVAL, "a frame with the largest number");
    CHECK_EQ(acquire(a, STATUS, 0, 1), -XEINVAL, "status frames while there are none");
    CHECK(acquire(a, SHARED, 0, ~0U) < 0, "very many frames");
}

static unsigned int table_size(domid_t id)
{
    struct gnttab_query_size q = { .dom = id };

    grant_op(GNTTABOP_query_size, &q);
    return q.status == GNTST_okay ? q.nr_frames : ~0U;
}

static void resources(void)
{
    unsigned int twice = 0;

    CHECK_EQ(create(&a, usual), 0, "a domain");
    u.id = a;
    CHECK_EQ(resource_size(a, XENMEM_resource_grant_table, SHARED), GRANT_FRAMES,
             "frames that a grant table may have");
    CHECK_EQ(resource_size(a, XENMEM_resource_grant_table, STATUS), GRANT_FRAMES / 8,
             "... and of status");
    CHECK_EQ(resource_size(a, XENMEM_resource_ioreq_server, 0), -XEINVAL, "... no ioreq server");
    resource_arguments();
    CHECK_EQ(table_size(a), 1, "the table has its first frame after all that");
    memset(list, 0, sizeof(list));
    CHECK_EQ(acquire(a, SHARED, 0, GRANT_FRAMES), 0, "all frames of a grant table at once");
    CHECK_EQ(table_size(a), GRANT_FRAMES, "... which has them now");
    CHECK_EQ(acquire(a, SHARED, 0, GRANT_FRAMES + 1), -XEINVAL, "one more than the limit");
    acquire(a, SHARED, 0, GRANT_FRAMES);
    for (unsigned int i = 0; i < GRANT_FRAMES; i++)
        for (unsigned int j = 0; j < i; j++)
            twice += list[i] == list[j] || list[i] == 0;
    CHECK_EQ(twice, 0, "... each another one");
    CHECK_EQ(domu_set_va(&u, window[0], list[GRANT_FRAMES - 1] * PAGE | PTE_RW_KERNEL), 0,
             "the last can be mapped");
    list[1] = list[GRANT_FRAMES - 1];
    CHECK_EQ(acquire(a, SHARED, GRANT_FRAMES - 1, 1), 0, "the last again");
    CHECK_EQ(list[0], list[1], "... is the same");
    CHECK_EQ(destroy(a), 0, "destroy the domain");
    CHECK(!is_gone(a), "... it stays for the mapping");
    domu_unmap(window[0]);
    CHECK(YIELD_UNTIL(is_gone(a), LONG), "... and goes with it");
}

/* --- the configuration ------------------------------------------------------------------------ */

static void refused(const char *what, struct xen_domctl_createdomain c)
{
    domid_t id;
    long rc = create(&id, c);

    CHECK_EQ(rc, -XEINVAL, what);
    if (rc == 0)
        destroy(id);
}

static void configurations(void)
{
    struct xen_domctl_createdomain c;

    c = usual;
    c.grant_opts = XEN_DOMCTL_GRANT_version(0);
    refused("grants of no version", c);
    c.grant_opts = XEN_DOMCTL_GRANT_version(3);
    refused("grants of version 3", c);
    c.grant_opts = XEN_DOMCTL_GRANT_version(2) | 1U << 8;
    refused("an option of grants that there is not", c);
    c = usual;
    c.max_grant_frames = 65;
    refused("more grant frames than the machine's limit", c);
    c.max_grant_frames = 0;
    refused("no grant frames", c);
    c = usual;
    c.max_maptrack_frames = 1025;
    refused("more maptrack frames than the machine's limit", c);
    c = usual;
    c.max_grant_frames = c.max_maptrack_frames = -7; /* anything below 0 */
    CHECK_EQ(create(&a, c), 0, "the machine's limits");
    CHECK_EQ(resource_size(a, XENMEM_resource_grant_table, SHARED), 64, "... of grant frames");
    destroy(a);
    CHECK(YIELD_UNTIL(is_gone(a), LONG), "... it is gone");
}

/* --- limits, from inside ---------------------------------------------------------------------- */

static grant_entry_v1_t grants[PAGE / sizeof(grant_entry_v1_t)] __attribute__((aligned(PAGE)));
#define REF 9
#define MAPS_A_REF 64 /* a reference has a limit of its own, which is not ours to test here */

static unsigned int mappings(void)
{
    unsigned int n = 0;

    for (; n < 600; n++) {
        struct gnttab_map_grant_ref m = {
            .host_addr = (uint64_t)window[0], .flags = GNTMAP_host_map | GNTMAP_readonly,
            .ref = REF + n / MAPS_A_REF, .dom = 0
        };

        set_va((uint64_t)window[0], 0); /* what is lost with the entry still counts */
        if (grant_op(GNTTABOP_map_grant_ref, &m) || m.status != GNTST_okay) {
            CHECK_EQ(m.status, GNTST_no_space, "one mapping too many");
            break;
        }
    }
    return n;
}

static unsigned int ports(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    unsigned int n = 0;
    long rc = 0;

    for (; n < 100 && rc == 0; n += rc == 0)
        rc = evtchn_op(EVTCHNOP_bind_ipi, &ipi);
    CHECK_EQ(rc, -XENOSPC, "one event channel too many");
    return n;
}

static void few(void)
{
    struct gnttab_set_version version = { .version = 2 };
    uint64_t frames[8];
    unsigned int n;

    CHECK_EQ(grant_frames(4, frames), GNTST_general_error, "one grant frame too many");
    CHECK_EQ(grant_frames(3, frames), GNTST_okay, "... as many as allowed");
    CHECK_EQ(grant_frames(4, frames), GNTST_general_error, "... and one too many again");
    CHECK_EQ(table_size(DOMID_SELF), 3, "... are not there");
    CHECK_EQ(grant_op(GNTTABOP_set_version, &version), -XENOSYS, "no grants of version 2");
    n = mappings();
    CHECK(n >= 255, "one page of mappings");
    CHECK(n <= 256, "... and no more");
    CHECK_EQ(ports(), 5, "five event channels");
}

static void two_pages(void)
{
    unsigned int n = mappings();

    CHECK(n >= 511, "two pages of mappings");
    CHECK(n <= 512, "... and no more");
}

static void grant_all(domid_t to)
{
    for (unsigned int ref = REF; ref < REF + 600 / MAPS_A_REF + 1; ref++)
        grant_give(grants, ref, to, window[1], 0);
}

static void inside(void)
{
    uint64_t frame = 0;

    CHECK_EQ(grant_frames(1, &frame), GNTST_okay, "this domain's grant table");
    CHECK_EQ(set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL), 0, "... is mapped");
    if (domu_create(&u, &(struct domu_config){ .fn = few, .max_ports = 5, .grant_frames = 3,
                                               .maptrack_frames = 1, .grant_version = 1 }) == 0) {
        grant_all(u.id);
        domu_unpause(&u);
        domu_finish(&u, LONG);
    }
    if (domu_create(&u, &(struct domu_config){ .fn = two_pages, .maptrack_frames = 2 }) == 0) {
        grant_all(u.id);
        domu_unpause(&u);
        domu_finish(&u, LONG);
    }
    CHECK_EQ(grants[REF].flags, GTF_permit_access, "their mappings ended with them");
}

void test_main(void)
{
    events_start();
    configurations();
    resources();
    inside();
    claims();
}
