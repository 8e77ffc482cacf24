/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making a copy of this kernel as an unprivileged domain: domu.h. Its memory, by pfn: the image
 * where ours is, start_info, the p2m list, the page tables from the top down, the page that other
 * builders use as a stack, free pages to the next 4 MiB (guest_start() finds them by the same
 * rule), and spare pages that are not mapped.
 */
#include "domu.h"

extern char __start_image[], __end_image[];

#define TABLE_SPAN (512 * PAGE) /* what a last-level table maps */

struct layout {
    unsigned int image, image_end, info, p2m, tables, nr_l1, mapped, total;
};

/* --- calls ------------------------------------------------------------------------------------ */

long domctl(uint32_t cmd, domid_t id, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
    return hypercall(__HYPERVISOR_domctl, op);
}

static long simple_domctl(uint32_t cmd, domid_t id)
{
    struct xen_domctl op = { 0 };

    return domctl(cmd, id, &op);
}

long domu_pause(const struct domu *d) { return simple_domctl(XEN_DOMCTL_pausedomain, d->id); }
long domu_unpause(const struct domu *d) { return simple_domctl(XEN_DOMCTL_unpausedomain, d->id); }
long domu_destroy(const struct domu *d) { return simple_domctl(XEN_DOMCTL_destroydomain, d->id); }

long domu_info(const struct domu *d, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op = { 0 };
    long rc = domctl(XEN_DOMCTL_getdomaininfo, d->id, &op);

    /* it answers for the next domain when this one is not there */
    if (rc == 0 && op.u.getdomaininfo.domain != d->id)
        rc = -XESRCH;
    *info = op.u.getdomaininfo;
    return rc;
}

/* --- its pages -------------------------------------------------------------------------------- */

long domu_set_va(const struct domu *d, const void *va, uint64_t pte)
{
    return hypercall(__HYPERVISOR_update_va_mapping_otherdomain, va, pte,
                     UVMF_INVLPG | UVMF_LOCAL, d->id);
}

void domu_unmap(void *va)
{
    void *at = (void *)((uint64_t)va & -PAGE);

    set_va((uint64_t)at, va_to_mfn(at) * PAGE | PTE_RW_KERNEL);
}

/* A window: an address with a page of its own, which is put back by domu_unmap(). */
static void *map_pfn(const struct domu *d, void *window, unsigned int pfn)
{
    long rc = domu_set_va(d, window, d->mfn[pfn] * PAGE | PTE_RW_KERNEL);

    if (rc == 0)
        return window;
    print("FAIL %s: page %u of domain %u cannot be mapped: %ld\n", test_name, pfn, d->id, rc);
    poweroff();
}

void *domu_map(const struct domu *d, const volatile void *va)
{
    void *window = map_pfn(d, alloc_page(), (unsigned int)va_to_pfn((const void *)va));

    return (char *)window + ((uint64_t)va & (PAGE - 1));
}

/* --- building --------------------------------------------------------------------------------- */

static char window[PAGE] __attribute__((aligned(PAGE)));

static void *page_of(const struct domu *d, unsigned int pfn) { return map_pfn(d, window, pfn); }

static struct layout plan(unsigned int spare)
{
    struct layout l = { 0 };
    unsigned int p2m_pages = 1;

    l.image = (unsigned int)va_to_pfn(__start_image);
    l.image_end = (unsigned int)va_to_pfn(__end_image);
    l.info = l.image_end;
    l.p2m = l.info + 1;
    /* the region depends on the number of tables, which depends on the region */
    for (unsigned int i = 0; i < 4; i++) {
        l.tables = l.p2m + p2m_pages;
        l.mapped = (l.tables + 3 + l.nr_l1 + 1 + 128 + 1023) & -1024U;
        l.nr_l1 = l.mapped / 512;
        l.total = l.mapped + spare;
        p2m_pages = (l.total * 8 + 4095) / 4096;
    }
    return l;
}

static long get_memory(struct domu *d, const struct domu_config *c)
{
    struct xen_memory_reservation r = { .nr_extents = d->nr_pages, .domid = d->id };
    struct xen_domctl op = { 0 };
    long rc;

    op.u.max_mem.max_memkb = (d->nr_pages + c->headroom) * 4UL;
    rc = domctl(XEN_DOMCTL_max_mem, d->id, &op);
    if (rc)
        return rc;
    for (unsigned int i = 0; i < d->nr_pages; i++)
        d->mfn[i] = i;
    set_xen_guest_handle(r.extent_start, d->mfn);
    rc = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r);
    return rc == d->nr_pages ? 0 : rc < 0 ? rc : -XENOMEM;
}

static void copy_page(const struct domu *d, unsigned int pfn)
{
    const void *from = (void *)(VIRT_BASE + pfn * PAGE);
    void *to = page_of(d, pfn);
    size_t n = PAGE;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void write_p2m(const struct domu *d, const struct layout *l)
{
    for (unsigned int i = 0; i < d->nr_pages; i++) {
        uint64_t *list = page_of(d, l->p2m + i / 512);

        list[i % 512] = d->mfn[i];
    }
}

/* Tables, then what each maps. The pages of the tables themselves are mapped read-only. */
static void write_tables(const struct domu *d, const struct layout *l)
{
    const unsigned int l3 = l->tables + 1, l2 = l->tables + 2, l1 = l->tables + 3;
    const uint64_t table_bits = PTE_RW_KERNEL | PTE_U;
    uint64_t *e;

    for (unsigned int i = 0; i < 3 + l->nr_l1; i++)
        memset(page_of(d, l->tables + i), 0, PAGE);
    e = page_of(d, l->tables);
    e[511] = d->mfn[l3] * PAGE | table_bits;
    e = page_of(d, l3);
    e[510] = d->mfn[l2] * PAGE | table_bits;
    e = page_of(d, l2);
    for (unsigned int i = 0; i < l->nr_l1; i++)
        e[i] = d->mfn[l1 + i] * PAGE | table_bits;
    for (unsigned int i = 0; i < l->mapped; i++) {
        bool is_table = i >= l->tables && i < l1 + l->nr_l1;

        if (i % 512 == 0)
            e = page_of(d, l1 + i / 512);
        e[i % 512] = d->mfn[i] * PAGE | (is_table ? PTE_RO_KERNEL : PTE_RW_KERNEL);
    }
}

static void write_start_info(const struct domu *d, const struct layout *l, uint64_t shared)
{
    struct start_info *si = page_of(d, l->info);

    memset(si, 0, PAGE);
    memcpy(si->magic, "xen-3.0-x86_64", 15);
    si->nr_pages = d->nr_pages;
    si->shared_info = shared * PAGE;
    si->pt_base = VIRT_BASE + l->tables * PAGE;
    si->nr_pt_frames = 3 + l->nr_l1;
    si->mfn_list = VIRT_BASE + l->p2m * PAGE;
}

static void (*domu_fn)(void);

static long set_context(const struct domu *d, const struct layout *l)
{
    extern char _start[];
    struct vcpu_guest_context *c = vcpu_context((void (*)(void))_start);
    struct xen_domctl op = { 0 };

    c->flags |= VGCF_online;
    c->user_regs.rsi = VIRT_BASE + l->info * PAGE;
    c->ctrlreg[3] = d->mfn[l->tables] * PAGE;
    c->event_callback_eip = 0;
    memset(c->trap_ctxt, 0, sizeof(c->trap_ctxt));
    set_xen_guest_handle(op.u.vcpucontext.ctxt, c);
    return domctl(XEN_DOMCTL_setvcpucontext, d->id, &op);
}

static long fill(struct domu *d, const struct layout *l, const struct domu_config *c)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE };
    struct xen_domctl_getdomaininfo info;
    long rc = domu_info(d, &info);

    if (rc)
        return rc;
    d->l4 = pin.arg1.mfn = d->mfn[l->tables];
    d->start_info = VIRT_BASE + l->info * PAGE;
    domu_fn = c->fn;
    for (unsigned int i = l->image; i < l->image_end; i++)
        if (i != va_to_pfn(window))
            copy_page(d, i);
    domu_fn = NULL;
    write_p2m(d, l);
    write_tables(d, l);
    write_start_info(d, l, info.shared_info_frame);
    domu_unmap(window);
    rc = hypercall(__HYPERVISOR_mmuext_op, &pin, 1, 0, d->id);
    return rc ?: set_context(d, l);
}

static long make_domain(struct domu *d, const struct domu_config *c)
{
    struct xen_domctl op = { 0 };
    long rc;

    op.u.createdomain = (struct xen_domctl_createdomain){
        .flags = c->flags,
        .max_vcpus = c->vcpus ?: 1,
        .max_evtchn_port = c->max_ports ?: 1023,
        .max_grant_frames = (int32_t)(c->grant_frames ?: 32),
        .max_maptrack_frames = (int32_t)(c->maptrack_frames ?: 64),
        .grant_opts = XEN_DOMCTL_GRANT_version(c->grant_version ?: 2),
    };
    rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    if (rc)
        return rc;
    d->id = op.domain;
    op.u.max_vcpus.max = c->vcpus ?: 1;
    return domctl(XEN_DOMCTL_max_vcpus, d->id, &op);
}

long domu_create(struct domu *d, const struct domu_config *c)
{
    const struct layout l = plan(c->spare);
    long rc;

    memset(d, 0, sizeof(*d));
    if (l.total > DOMU_MAX_PAGES)
        return -XE2BIG;
    d->nr_pages = l.total;
    rc = make_domain(d, c);
    if (rc && d->id == 0)
        return rc;
    rc = rc ?: get_memory(d, c);
    rc = rc ?: fill(d, &l, c);
    if (rc)
        domu_destroy(d);
    return rc;
}

bool domu_start(struct domu *d, const struct domu_config *c)
{
    long rc = domu_create(d, c);

    rc = rc ?: domu_unpause(d);
    if (rc)
        CHECK_EQ(rc, 0, "create and start a domain");
    return rc == 0;
}

/* --- what it found ---------------------------------------------------------------------------- */

/* Strings are the image's: the same address on both sides. */
struct note {
    const char *what, *file;
    long got, want;
    int line;
    uint8_t kind; /* enum note_kind */
};
#define NOTES 512
static struct note notes[NOTES] __attribute__((aligned(PAGE)));
static unsigned int nr_notes __attribute__((aligned(PAGE)));

void domu_note(enum note_kind kind, const char *what, const char *file, int line, long got,
               long want)
{
    unsigned int i = __atomic_fetch_add(&nr_notes, 1, __ATOMIC_SEQ_CST);

    if (i < NOTES)
        notes[i] = (struct note){ what, file, got, want, line, (uint8_t)kind };
}

static void read_other(const struct domu *d, void *to, const void *from, size_t n)
{
    while (n > 0) {
        const size_t off = (uint64_t)from & (PAGE - 1), part = n < PAGE - off ? n : PAGE - off;

        memcpy(to, (char *)page_of(d, (unsigned int)va_to_pfn(from)) + off, part);
        to = (char *)to + part;
        from = (const char *)from + part;
        n -= part;
    }
    domu_unmap(window);
}

void domu_report(struct domu *d)
{
    unsigned int n, zero = 0;
    struct note e;

    read_other(d, &n, &nr_notes, sizeof(n));
    if (n > NOTES)
        CHECK_EQ(n, NOTES, "a domain has room for its checks");
    for (unsigned int i = 0; i < n && i < NOTES; i++) {
        read_other(d, &e, &notes[i], sizeof(e));
        if (e.kind == NOTE_SKIP)
            skip(e.what);
        else
            check_(e.kind == NOTE_OK, e.what, e.file, e.line, e.got, e.want);
    }
    memcpy(page_of(d, (unsigned int)va_to_pfn(&nr_notes)), &zero, sizeof(zero));
    domu_unmap(window);
}

/* --- its end ---------------------------------------------------------------------------------- */

static int shutdown_reason(const struct domu *d)
{
    struct xen_domctl_getdomaininfo info;

    if (domu_info(d, &info) || !(info.flags & XEN_DOMINF_shutdown))
        return -1;
    return info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

int domu_wait(const struct domu *d, uint64_t ms)
{
    YIELD_UNTIL(shutdown_reason(d) >= 0, ms);
    return shutdown_reason(d);
}

static bool is_gone(const struct domu *d)
{
    struct xen_domctl_getdomaininfo info;

    return domu_info(d, &info) == -XESRCH;
}

bool domu_gone(const struct domu *d, uint64_t ms) { return YIELD_UNTIL(is_gone(d), ms); }

void domu_finish(struct domu *d, uint64_t ms)
{
    const int reason = domu_wait(d, ms);

    domu_report(d);
    if (reason != SHUTDOWN_poweroff)
        CHECK_EQ(reason, SHUTDOWN_poweroff, "the domain comes to an orderly end");
    CHECK_EQ(domu_destroy(d), 0, "destroy the domain");
    CHECK(domu_gone(d, 5000), "... and nothing of it is left");
}

/* --- in the copy ------------------------------------------------------------------------------ */

bool in_domu(void) { return domu_fn != NULL; }

void domu_exit(unsigned int reason)
{
    struct sched_shutdown s = { .reason = reason };

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
    for (;;)
        ;
}

void domu_main(void)
{
    nr_notes = 0;
    /* a builder does this from outside; the hypervisor need not */
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    domu_fn();
    domu_exit(SHUTDOWN_poweroff);
}
