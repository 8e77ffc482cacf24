/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two hundred domains come and go, at every stage of their making and with everything between them
 * and their maker that holds something: grants mapped both ways, event channels, foreign mappings,
 * registered pages, claims. After each of them the free pages, this domain's ports, grant frames
 * and memory are exactly what they were; at the end so is the hypervisor's account (debug key H).
 */
#include "domu.h"
#include "grants.h"

const char *test_name = "lives";

#define LONG 10000 /* ms that nothing should take */
#define LIVES 200
#define INEXACT_MAX 5 /* each of them is waited for; the account of all says more */
#define REF 9
#define PORTS 64   /* more than this domain ever has */

static struct domu u;

static struct {
    volatile unsigned int done, port, remote, failed;
} shared __attribute__((aligned(PAGE)));

static char page[PAGE] __attribute__((aligned(PAGE)));        /* granted, both ways */
static char window[4][PAGE] __attribute__((aligned(PAGE)));   /* nothing under it, but mappings */
static grant_entry_v1_t grants[PAGE / sizeof(grant_entry_v1_t)] __attribute__((aligned(PAGE)));
static char fifo_page[3][PAGE] __attribute__((aligned(PAGE)));

/* --- the copy's side -------------------------------------------------------------------------- */

static void must(bool ok)
{
    if (!ok)
        shared.failed++;
}

static void stay(unsigned int done)
{
    shared.done = done;
    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}

static void map_table(void)
{
    uint64_t frame = 0;

    must(grant_frames(1, &frame) == GNTST_okay);
    must(set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL) == 0);
}

/* Everything that two domains can have of each other. */
static void shares(void)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 0 };
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = shared.remote };

    events_start();
    map_table();
    memset(page, 0x5a, PAGE);
    grant_give(grants, REF, 0, page, 0);
    must(evtchn_op(EVTCHNOP_alloc_unbound, &op) == 0);
    shared.port = op.port;
    must(evtchn_op(EVTCHNOP_bind_interdomain, &bind) == 0);
    must(set_va((uint64_t)window[0], 0) == 0 && set_va((uint64_t)window[1], 0) == 0);
    must(grant_map(0, REF, window[0], 0).status == GNTST_okay);
    must(grant_map(0, REF, window[1], GNTMAP_readonly).status == GNTST_okay);
    must(*(volatile uint64_t *)window[1] == 0x3c3c3c3c3c3c3c3c);
    stay(1);
}

/* Pages of its own that the hypervisor keeps for it. */
static void registers(void)
{
    struct vcpu_register_vcpu_info info = { .mfn = va_to_mfn(fifo_page[0]) };
    struct evtchn_init_control init = { .control_gfn = va_to_mfn(fifo_page[1]) };
    struct evtchn_expand_array expand = { .array_gfn = va_to_mfn(fifo_page[2]) };
    struct gnttab_set_version version = { .version = 2 };
    struct vcpu_register_runstate_memory_area area = { .addr.v = (void *)&fifo_page[0][2048] };
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };

    must(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, &info) == 0);
    registered_info[0] = (void *)fifo_page[0];
    events_start();
    must(hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area) == 0);
    must(evtchn_op(EVTCHNOP_init_control, &init) == 0);
    must(evtchn_op(EVTCHNOP_expand_array, &expand) == 0);
    for (unsigned int i = 0; i < 300; i++)
        must(evtchn_op(EVTCHNOP_bind_ipi, &ipi) == 0);
    evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ ipi.port });
    must(grant_op(GNTTABOP_set_version, &version) == 0);
    must(grant_frames(9, (uint64_t *)page) == GNTST_okay);
    stay(1);
}

static void crashes(void) { *(volatile int *)0x1000 = 1; }
static void leaves(void) { domu_exit(SHUTDOWN_poweroff); }
static void spins(void)
{
    for (;;)
        __atomic_add_fetch(&shared.done, 1, __ATOMIC_SEQ_CST);
}

/* --- stages: each makes a domain and brings it to its end; false: it went wrong --------------- */

static bool create(unsigned int flags)
{
    struct xen_domctl op = { 0 };

    memset(&u, 0, sizeof(u));
    op.u.createdomain = (struct xen_domctl_createdomain){
        .max_vcpus = 1 + flags % 3, .max_evtchn_port = 1023, .max_grant_frames = 32,
        .max_maptrack_frames = 64, .grant_opts = XEN_DOMCTL_GRANT_version(1 + flags % 2),
    };
    if (domctl(XEN_DOMCTL_createdomain, 0, &op))
        return false;
    u.id = op.domain;
    return true;
}

static bool only_created(unsigned int n) { return create(n) && domu_destroy(&u) == 0; }

static bool with_vcpus(unsigned int n)
{
    struct xen_domctl op = { 0 };

    if (!create(n))
        return false;
    op.u.max_vcpus.max = 1 + n % 3;
    return domctl(XEN_DOMCTL_max_vcpus, u.id, &op) == 0 && domu_destroy(&u) == 0;
}

/* Some of its memory, and a claim for more. */
static bool with_memory(unsigned int n)
{
    struct xen_memory_reservation r = { .nr_extents = 300 }, claim = { .nr_extents = 2000 };
    struct xen_domctl op = { 0 };

    if (!create(n))
        return false;
    op.u.max_mem.max_memkb = 16 << 10;
    r.domid = claim.domid = u.id;
    for (unsigned int i = 0; i < r.nr_extents; i++)
        u.mfn[i] = i;
    set_xen_guest_handle(r.extent_start, u.mfn);
    return domctl(XEN_DOMCTL_max_mem, u.id, &op) == 0 &&
           hypercall(__HYPERVISOR_memory_op, XENMEM_claim_pages, &claim) == 0 &&
           hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) == (long)r.nr_extents &&
           domu_destroy(&u) == 0;
}

static bool begin(unsigned int n, void (*fn)(void))
{
    const struct domu_config c = { .fn = fn, .vcpus = 1 + n % 2, .spare = 16 };

    shared.done = shared.failed = 0;
    return domu_create(&u, &c) == 0;
}

/* Its view of `shared` at a window of ours. */
static volatile unsigned int *watch(void)
{
    return domu_set_va(&u, window[3], domu_mfn(&u, &shared) * PAGE | PTE_RW_KERNEL)
               ? NULL : (volatile unsigned int *)window[3];
}

static bool await(void)
{
    const typeof(shared) *theirs = (void *)watch();

    return theirs && YIELD_UNTIL(theirs->done, LONG) && theirs->failed == 0;
}

static bool with_tables(unsigned int n) { return begin(n, leaves) && domu_destroy(&u) == 0; }

static bool just_started(unsigned int n)
{
    return begin(n, spins) && domu_unpause(&u) == 0 && domu_destroy(&u) == 0;
}

static bool running(unsigned int n)
{
    bool ok = begin(n, spins) && domu_unpause(&u) == 0 && await();

    domu_unmap(window[3]);
    return domu_destroy(&u) == 0 && ok;
}

static bool crashed(unsigned int n)
{
    return begin(n, crashes) && domu_unpause(&u) == 0 &&
           domu_wait(&u, LONG) == SHUTDOWN_crash && domu_destroy(&u) == 0;
}

static bool left(unsigned int n)
{
    return begin(n, leaves) && domu_unpause(&u) == 0 &&
           domu_wait(&u, LONG) == SHUTDOWN_poweroff && domu_destroy(&u) == 0;
}

static bool registered(unsigned int n)
{
    bool ok = begin(n, registers) && domu_unpause(&u) == 0 && await();

    domu_unmap(window[3]);
    return domu_destroy(&u) == 0 && ok;
}

static bool is_zombie(void)
{
    struct xen_domctl_getdomaininfo info;

    return domu_info(&u, &info) == 0 && (info.flags & XEN_DOMINF_dying);
}

struct held {
    struct gnttab_map_grant_ref write, read;
    struct evtchn_bind_interdomain bind;
    struct evtchn_alloc_unbound unbound;
};

static bool hold(struct held *h)
{
    typeof(shared) *theirs;
    bool ok;

    h->unbound = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = u.id };
    if (evtchn_op(EVTCHNOP_alloc_unbound, &h->unbound))
        return false;
    theirs = (void *)watch();
    if (!theirs)
        return false;
    theirs->remote = h->unbound.port;
    memset(page, 0x3c, PAGE);
    grant_give(grants, REF, u.id, page, 0);
    if (domu_unpause(&u) || !await())
        return false;
    h->bind = (struct evtchn_bind_interdomain){ .remote_dom = u.id, .remote_port = theirs->port };
    ok = evtchn_op(EVTCHNOP_bind_interdomain, &h->bind) == 0;
    set_va((uint64_t)window[0], 0);
    set_va((uint64_t)window[1], 0);
    h->write = grant_map(u.id, REF, window[0], 0);
    h->read = grant_map(u.id, REF, window[1], GNTMAP_readonly);
    return ok && h->write.status == GNTST_okay && h->read.status == GNTST_okay &&
           *(volatile uint64_t *)window[0] == 0x5a5a5a5a5a5a5a5a;
}

static bool close_port(unsigned int port)
{
    return evtchn_op(EVTCHNOP_close, &(struct evtchn_close){ port }) == 0;
}

/* It dies while this domain maps its grants and a page of it: a zombie until the last has gone. */
static bool shared_both_ways(unsigned int n)
{
    struct held h;
    bool ok;

    if (!begin(n, shares) || !hold(&h))
        return false;
    ok = domu_destroy(&u) == 0 && is_zombie();
    *(volatile uint64_t *)window[0] = n; /* still there */
    ok = ok && *(volatile uint64_t *)window[1] == n;
    for (unsigned int i = 0; i < 3; i++) {
        switch ((n / 10 + i) % 3) {
        case 0:
            ok = ok && is_zombie() && grant_unmap(window[0], h.write.handle) == GNTST_okay;
            break;
        case 1:
            ok = ok && is_zombie() && grant_unmap(window[1], h.read.handle) == GNTST_okay;
            break;
        default:
            ok = ok && is_zombie();
            domu_unmap(window[3]);
        }
    }
    ok = ok && close_port(h.bind.local_port) && close_port(h.unbound.port);
    ok = ok && !(grants[REF].flags & (GTF_reading | GTF_writing)); /* its maps ended with it */
    grants[REF].flags = 0;
    domu_unmap(window[0]); /* the next copy is made of all pages of the image */
    domu_unmap(window[1]);
    return ok;
}

/* --- accounts --------------------------------------------------------------------------------- */

static uint64_t free_pages(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    hypercall(__HYPERVISOR_sysctl, &op);
    return op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages;
}

/* What this domain can say of itself and of the machine. */
struct account { uint64_t free, ports, grant_frames, memory, others; };

static void take_account(struct account *a)
{
    struct gnttab_query_size q = { .dom = DOMID_SELF };
    struct xen_domctl op = { 0 };
    domid_t self = DOMID_SELF;

    memset(a, 0, sizeof(*a));
    a->free = free_pages();
    for (unsigned int port = 1; port < PORTS; port++) {
        struct evtchn_status st = { .dom = DOMID_SELF, .port = port };

        a->ports += evtchn_op(EVTCHNOP_status, &st) == 0 && st.status != EVTCHNSTAT_closed;
    }
    grant_op(GNTTABOP_query_size, &q);
    a->grant_frames = q.nr_frames;
    a->memory = (uint64_t)hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);
    if (domctl(XEN_DOMCTL_getdomaininfo, 1, &op) == 0)
        a->others = op.domain;
}

static bool same(const struct account *a, const struct account *b, bool exactly)
{
    return (!exactly || a->free == b->free) && a->ports == b->ports && a->memory == b->memory &&
           a->grant_frames == b->grant_frames && a->others == b->others;
}

/* The lines of debug key H, as they come from the console ring. */
static unsigned int account_text(char *to, unsigned int size)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    static char text[8192];
    static uint32_t index;
    unsigned int n = 0;
    char key = 'H';

    for (unsigned int round = 0; round < 2; round++) { /* the first one skips what is there */
        do {
            op.cmd = XEN_SYSCTL_readconsole;
            memset(&op.u, 0, sizeof(op.u));
            op.u.readconsole.incremental = 1;
            op.u.readconsole.index = index;
            op.u.readconsole.count = round ? sizeof(text) : 1024;
            set_xen_guest_handle(op.u.readconsole.buffer, text);
            if (hypercall(__HYPERVISOR_sysctl, &op))
                return 0;
            index = op.u.readconsole.index;
        } while (round == 0 && op.u.readconsole.count);
        if (round)
            break;
        op.cmd = XEN_SYSCTL_debug_keys;
        op.u.debug_keys.nr_keys = 1;
        set_xen_guest_handle(op.u.debug_keys.keys, &key);
        if (hypercall(__HYPERVISOR_sysctl, &op))
            return 0;
    }
    for (unsigned int i = 0; i < op.u.readconsole.count && n + 1 < size; i++)
        to[n++] = text[i];
    to[n] = 0;
    return n;
}

static char texts[2][8192];

static bool contains(const char *text, const char *what)
{
    for (; *text; text++)
        for (unsigned int i = 0; text[i] == what[i];)
            if (!what[++i])
                return true;
    return false;
}

/* Where the two accounts part, from the start of that line. */
static const char *difference(const char *a, const char *b)
{
    const char *line = b;

    for (; *b && *a == *b; a++, b++)
        if (*b == '\n')
            line = b + 1;
    return line;
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
    bool (*fn)(unsigned int n);
    const char *what;
} stages[] = {
    { only_created,     "created only" },
    { with_vcpus,       "with vcpus" },
    { with_memory,      "with some of its memory and a claim" },
    { with_tables,      "with pinned tables, never run" },
    { just_started,     "just started" },
    { running,          "running, with a page of it mapped" },
    { crashed,          "crashed" },
    { left,             "that shut down" },
    { registered,       "with registered pages, FIFO events and grants of version 2" },
    { shared_both_ways, "with grants mapped both ways and channels, first a zombie" },
};
#define NR_STAGES (sizeof(stages) / sizeof(stages[0]))

static unsigned int right[NR_STAGES], exact[NR_STAGES];

/* False: there is no point in going on. */
static bool live(unsigned int n, struct account *start, bool exactly)
{
    static unsigned int inexact;
    const unsigned int k = n % NR_STAGES;
    struct account now;

    if (!stages[k].fn(n) || !domu_gone(&u, LONG)) {
        print("lives: %u, a domain %s: went wrong (%u failures in it)\n", n, stages[k].what,
              shared.failed);
        return false;
    }
    right[k]++;
    YIELD_UNTIL((take_account(&now), same(start, &now, exactly)), 2000);
    if (same(start, &now, exactly))
        exact[k]++;
    else
        print("lives: %u, a domain %s: free %ld, ports %ld, frames %ld, memory %ld, others %ld\n",
              n, stages[k].what, now.free - start->free, now.ports - start->ports,
              now.grant_frames - start->grant_frames, now.memory - start->memory,
              now.others - start->others);
    inexact += !same(start, &now, exactly);
    return inexact < INEXACT_MAX;
}

static void all_lives(void)
{
    struct account start, now;
    unsigned int n;

    for (n = 0; n < NR_STAGES * 2; n++) /* what they need for good is not a leak */
        if (!stages[n % NR_STAGES].fn(n) || !domu_gone(&u, LONG))
            break;
    CHECK_EQ(n, NR_STAGES * 2, "two domains of each kind come and go");
    take_account(&start);
    if (on_granta())
        CHECK(account_text(texts[0], sizeof(texts[0])) > 500, "the hypervisor's account");
    for (n = 0; n < LIVES; n++)
        if (!live(n, &start, on_granta()))
            break;
    for (unsigned int k = 0; k < NR_STAGES; k++) {
        CHECK_EQ(right[k], LIVES / NR_STAGES, stages[k].what);
        CHECK_EQ(exact[k], LIVES / NR_STAGES, "... and everything is what it was, after each");
    }
    take_account(&now);
    if (!on_granta()) {
        print("lives: %ld pages fewer are free\n", start.free - now.free);
        CHECK(start.free - now.free + 64 <= 128, "in the end nearly all pages are free again");
        skip("this hypervisor keeps a few pages for its own heap");
        return;
    }
    account_text(texts[1], sizeof(texts[1]));
    CHECK(contains(texts[1], " 0 lost"), "every page is free, ours or a domain's");
    CHECK(strcmp(texts[0], texts[1]) == 0, "the hypervisor's account is what it was, in all");
    if (strcmp(texts[0], texts[1]))
        print("lives: was %s\nlives: is %s\n", difference(texts[1], texts[0]),
              difference(texts[0], texts[1]));
}

void test_main(void)
{
    uint64_t frame = 0;

    events_start();
    CHECK_EQ(grant_frames(1, &frame), GNTST_okay, "this domain's grant table");
    CHECK_EQ(set_va((uint64_t)grants, frame * PAGE | PTE_RW_KERNEL), 0, "... is mapped");
    all_lives();
}
