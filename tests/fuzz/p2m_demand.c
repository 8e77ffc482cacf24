/* SPDX-License-Identifier: GPL-2.0-only */
/* runs: 400 */
/* links: core/memory_extent.c core/memory_physmap.c */
/* links: core/page_alloc.c core/page.c core/heap.c core/lock.c core/rangeset.c core/compat.c */
/* links: arch/x86/mm/frametable.c arch/x86/mm/pv32_m2p.c arch/x86/mm/page_use.c */
/* links: arch/x86/mm/page_type.c arch/x86/hvm/p2m*.c */
/* links: arch/x86/pv/l1_entry*.c arch/x86/pv/mmu.c arch/x86/pv/descriptor_page.c */
/* links: tests/host/arena.c */
/*
 * Populate on demand and the logs of writes, against a model of what the guest has written: its
 * memory says at any time what it has put there, and zero before; a write is in the next answer of
 * each log. The guest writes through a TLB that keeps translations until it is flushed, and once
 * more in the moment before. Input: a byte of settings, then 4 bytes a step.
 */
#include <stdlib.h>
#include <string.h>

#include "../host/p2m_world.h"

#include <hv/errno.h>
#include <hv/gnttab.h>
#include <hv/memory.h>
#include <xen/domctl.h>

#define GFNS 1600U
#define MAX_STEPS 64
#define PART_STEPS 8 /* of all gfns, so many parts are looked at in turn */
#define HOLDS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct domain *d;
static uint64_t value[GFNS]; /* what the guest has written last, at its place in the page */
static bool for_log[GFNS], for_buffer[GFNS];
static struct { uint64_t mfn; bool valid, write; } tlb[GFNS];
static struct page *hold[HOLDS];
static uint8_t bitmap[GFNS / 8 + 8];
static uint64_t late;                  /* another vcpu writes just before a flush: near there */
static struct { struct page *pg; uint64_t gfn; } writing; /* we do, for a while */
static uint64_t writes;                /* a value for each */

int gnttab_get_frame(struct domain *dom, unsigned int frame, bool status, mfn_t *mfn)
{
    return -EINVAL;
}

static void require(bool truth)
{
    if (!truth)
        abort();
}

static uint64_t *word(uint64_t mfn, uint64_t gfn)
{
    return (uint64_t *)page_map(_mfn(mfn)) + gfn % 512;
}

/* --- the guest -------------------------------------------------------------------------------- */

static void wrote(uint64_t gfn, uint64_t mfn, uint64_t val)
{
    *word(mfn, gfn) = val;
    value[gfn] = val;
    for_log[gfn] = for_buffer[gfn] = true;
}

/* Where zeros are, if it can: that is what is taken away. */
static void late_write(void)
{
    uint64_t at = GFNS;

    for (uint64_t i = 0; i < GFNS; i++) {
        const uint64_t gfn = (late + i) % GFNS;

        if (tlb[gfn].valid && tlb[gfn].write && (at == GFNS || (value[at] && !value[gfn])))
            at = gfn;
    }
    if (at < GFNS)
        wrote(at, tlb[at].mfn, ++writes);
}

static void flush(void)
{
    if (late < GFNS)
        late_write();
    memset(tlb, 0, sizeof(tlb));
}

/* False: no memory is there. */
static bool guest_access(uint64_t gfn, bool write)
{
    for (unsigned int i = 0; i < 200 && !(tlb[gfn].valid && (!write || tlb[gfn].write)); i++) {
        const struct p2m_entry e = p2m_lookup(d, _gfn(gfn));

        if (e.type == P2M_POD)
            p2m_pod_fault(d, _gfn(gfn));
        else if (e.type == P2M_LOGDIRTY && write)
            p2m_write_fault(d, _gfn(gfn));
        else if (!p2m_is_ram(e.type))
            return false;
        else
            tlb[gfn].valid = true, tlb[gfn].mfn = e.mfn.n, tlb[gfn].write = e.type == P2M_RAM;
        if (arena.crashes)
            return false;
    }
    require(tlb[gfn].valid);
    return true;
}

static void guest_writes(uint64_t gfn, bool zero)
{
    if (guest_access(gfn, true))
        wrote(gfn, tlb[gfn].mfn, zero ? 0 : ++writes);
}

static void guest_reads(uint64_t gfn)
{
    if (guest_access(gfn, false))
        require(*word(tlb[gfn].mfn, gfn) == value[gfn]);
}

/* --- the hypervisor and the toolstack --------------------------------------------------------- */

/* Only if it still is where it was: then the guest sees it. */
static void we_end(void)
{
    const struct p2m_entry e = p2m_lookup(d, _gfn(writing.gfn));

    if (!writing.pg)
        return;
    if (p2m_is_ram(e.type) && mfn_eq(e.mfn, page_to_mfn(writing.pg)))
        wrote(writing.gfn, e.mfn.n, ++writes);
    page_put(writing.pg);
    writing.pg = NULL;
    p2m_mark_dirty(d, _gfn(writing.gfn));
}

static void we_write(uint64_t gfn)
{
    we_end();
    writing.gfn = gfn;
    writing.pg = p2m_page_get(d, _gfn(gfn), true, NULL);
}

static void holds(unsigned int i, uint64_t gfn)
{
    if (hold[i])
        page_put(hold[i]);
    hold[i] = p2m_page_get(d, _gfn(gfn), false, NULL);
}

static void emptied(uint64_t first, uint64_t nr)
{
    for (uint64_t i = first; i < MIN(first + nr, GFNS); i++)
        value[i] = for_log[i] = for_buffer[i] = 0;
}

static void give_back(uint64_t gfn, unsigned int order)
{
    const uint64_t first = ROUND_DOWN(gfn, BIT(order));

    late = GFNS; /* a write to what is being given back is lost, and should be */
    (void)!physmap_release(d, _gfn(first), order);
    for (uint64_t i = first; i < first + BIT(order) && i < GFNS; i++)
        if (p2m_lookup(d, _gfn(i)).type == P2M_NONE)
            emptied(i, 1);
}

static void populates(uint64_t gfn, unsigned int order)
{
    const uint64_t first = ROUND_DOWN(gfn, BIT(order));
    int rc;

    late = GFNS;
    rc = physmap_populate(d, _gfn(first), order, 0);
    for (uint64_t i = first; i < first + BIT(order) && i < GFNS; i++)
        if (!rc || p2m_lookup(d, _gfn(i)).type == P2M_NONE)
            emptied(i, 1);
}

static void moves(uint64_t from, uint64_t to)
{
    late = GFNS;
    if (from == to || physmap_move(d, _gfn(from), _gfn(to)))
        return;
    /* the word is at the old gfn's place in the page */
    *word(p2m_lookup(d, _gfn(to)).mfn.n, from) = 0;
    value[to] = value[from];
    *word(p2m_lookup(d, _gfn(to)).mfn.n, to) = value[to];
    emptied(from, 1);
    for_log[to] = for_buffer[to] = true;
}

static void marks_pod(uint64_t gfn, unsigned int order)
{
    const uint64_t first = ROUND_DOWN(gfn, BIT(order));

    (void)!p2m_set(d, _gfn(first), order, INVALID_MFN, P2M_POD, NULL);
}

/* --- logs ------------------------------------------------------------------------------------- */

static bool bit(uint64_t i) { return bitmap[i / 8] >> (i % 8) & 1; }

static int log_op(uint32_t op, uint32_t mode, bool list)
{
    struct xen_domctl_shadow_op o = { .op = op, .mode = mode, .pages = GFNS };
    int rc;

    memset(bitmap, 0, sizeof(bitmap));
    if (list)
        o.dirty_bitmap.p = bitmap;
    do
        rc = p2m_log_op(d, &o);
    while (rc == -ERESTART);
    require(rc != -EBUSY && o.pages == GFNS);
    if (rc == 0 && list) {
        unsigned int n = 0;

        for (unsigned int i = 0; i < GFNS; i++)
            n += bit(i);
        require(o.stats.dirty_count == n);
    }
    return rc;
}

/* What was written and is still there is in the answer; zeros of a frame buffer may have gone. */
static void answered(uint64_t first, uint64_t nr, bool *written, bool forget)
{
    for (uint64_t i = 0; i < nr && first + i < GFNS; i++) {
        const enum p2m_type t = p2m_lookup(d, _gfn(first + i)).type;

        require(!written[first + i] || bit(i) || t == P2M_NONE ||
                (t == P2M_POD && written == for_buffer));
        if (forget)
            written[first + i] = false;
    }
}

static void log_step(uint8_t what)
{
    const bool was = d->arch.hvm->p2m.dirty.log;
    int rc;

    switch (what % 6) {
    case 0:
        rc = log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, false);
        require(rc == (was ? -EINVAL : 0));
        if (!was)
            memset(for_log, 0, sizeof(for_log));
        break;
    case 1:
        require(!log_op(XEN_DOMCTL_SHADOW_OP_OFF, 0, false));
        break;
    case 2:
        require(log_op(XEN_DOMCTL_SHADOW_OP_PEEK, 0, true) == (was ? 0 : -EINVAL));
        if (was)
            answered(0, GFNS, for_log, false);
        break;
    case 3:
        rc = log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL, true);
        require(rc == (was ? 0 : -EINVAL));
        if (was)
            answered(0, GFNS, for_log, false);
        break;
    default:
        require(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, true) == (was ? 0 : -EINVAL));
        if (was)
            answered(0, GFNS, for_log, true);
        break;
    }
}

static void buffer_step(uint64_t first, uint64_t nr, bool again)
{
    const struct p2m_dirty *t = &d->arch.hvm->p2m.dirty;
    int rc;

    if (again && t->nr) {
        first = t->first;
        nr = t->nr;
    }
    nr = MIN(nr, GFNS - first);
    rc = p2m_buffer_watch(d, _gfn(first), nr);
    require(rc >= 0);
    if (nr == 0)
        return;
    p2m_buffer_read(d, 0, nr, (uint64_t *)(void *)bitmap);
    if (rc == 1)
        answered(first, nr, for_buffer, true);
    else
        memset(for_buffer, 0, sizeof(for_buffer));
}

/* --- steps ------------------------------------------------------------------------------------ */

static void check_gfns(uint64_t from, uint64_t by)
{
    const struct p2m *p = &d->arch.hvm->p2m;

    for (uint64_t i = from; i < GFNS; i += by) {
        const struct p2m_entry e = p2m_lookup(d, _gfn(i));

        if (p2m_is_ram(e.type))
            require(*word(e.mfn.n, i) == value[i]);
        else
            require(value[i] == 0);
        require(!tlb[i].valid || (p2m_is_ram(e.type) && tlb[i].mfn == e.mfn.n));
        require(!tlb[i].valid || !tlb[i].write || e.type == P2M_RAM);
        require(e.type != P2M_LOGDIRTY || p->dirty.active);
    }
}

/* All frames are in an entry, in the cache, or held though given back. */
static void check_frames(void)
{
    const struct p2m *p = &d->arch.hvm->p2m;
    uint64_t ram = 0;

    for (uint64_t i = 0; i < GFNS; i++)
        ram += p2m_is_ram(p2m_lookup(d, _gfn(i)).type);
    require(d->tot_pages >= ram + p->pod.cached && d->tot_pages <= ram + p->pod.cached + HOLDS + 1);
}

static void step(const uint8_t *in)
{
    const uint64_t gfn = (in[1] | (uint64_t)in[2] << 8) % GFNS;
    const unsigned int order = in[3] & 1 && gfn < 1536 ? 9 : 0;

    late = in[0] & 0x80 ? (gfn + in[3] % 4) % GFNS : GFNS;
    switch (in[0] & 15) {
    case 0: case 1: case 2: case 3:
        guest_writes(gfn, in[3] % 4 == 0);
        break;
    case 4:
        guest_reads(gfn);
        break;
    case 5:
        we_write(gfn);
        if (in[3] & 1)
            we_end();
        break;
    case 6:
        holds(in[3] % HOLDS, gfn);
        break;
    case 7:
        give_back(gfn, order);
        break;
    case 8:
        populates(gfn, order);
        break;
    case 9:
        marks_pod(gfn, order);
        break;
    case 10:
        while (p2m_pod_set_target(d, gfn * 2, 0) == -ERESTART)
            continue;
        break;
    case 11:
        moves(gfn, (gfn + in[3] * 7U) % GFNS);
        break;
    case 12:
        require(!p2m_set_pool(d, in[3] % 32));
        break;
    case 13:
        buffer_step(gfn, in[3] * 5U, in[0] & 0x40);
        break;
    default:
        log_step(in[3]);
        break;
    }
    late = GFNS;
    require(!p2m_check(d) && !locks_held());
}

/* --- beginning and end ------------------------------------------------------------------------ */

static void begin(uint8_t settings)
{
    d = p2m_domain(1, 3000);
    require(!p2m_set_pool(d, 64));
    d->arch.hvm->p2m.only_4k = (settings & 7) == 7;
    memset(&flushed, 0, sizeof(flushed));
    flushed.then = flush;
    memset(value, 0, sizeof(value));
    memset(for_log, 0, sizeof(for_log));
    memset(for_buffer, 0, sizeof(for_buffer));
    memset(tlb, 0, sizeof(tlb));
    arena.crashes = 0;
    arena.preempt_at = settings >> 5;
    /* a domain as the toolstack makes it: half a 2 MiB of frames for two of entries */
    if (settings & 8) {
        while (p2m_pod_set_target(d, settings & 16 ? 600 : 256, 0) == -ERESTART)
            continue;
        marks_pod(0, 9);
        marks_pod(512, 9);
    }
}

static void end(void)
{
    we_end();
    for (unsigned int i = 0; i < HOLDS; i++) {
        if (hold[i])
            page_put(hold[i]);
        hold[i] = NULL;
    }
    arena.preempt_at = 0;
    flushed.then = NULL;
    require(!p2m_domain_end(d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    static uint64_t free_at_start;

    if (!started) {
        p2m_machine_start();
        arena_guest_buffer(bitmap, sizeof(bitmap));
        hv_page_free(hv_page_alloc(0), 0);
        started = true;
        begin(0xff); /* what is set up once */
        end();
        free_at_start = heap_free_pages();
    }
    if (size < 5)
        return 0;
    begin(data[0]);
    for (size_t i = 1, n = 0; i + 4 <= size && n < MAX_STEPS && !arena.crashes; i += 4, n++)
        step(data + i), check_gfns(n % PART_STEPS, PART_STEPS);
    if (!arena.crashes) {
        check_gfns(0, 1);
        check_frames();
    }
    end();
    require(heap_free_pages() == free_at_start);
    return 0;
}
