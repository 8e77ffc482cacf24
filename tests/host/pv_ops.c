/* SPDX-License-Identifier: GPL-2.0-only */
/* See pv_ops.h. */
#include "pv_ops.h"
#include "arena.h"

#include <stdio.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/page_type.h>
#include <arch/paging.h>
#include <arch/pv.h>
#include <arch/pv_mmu.h>
#include <hv/compat.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/rangeset.h>

#define MIB (1ULL << 20)
#define RAM_END (64 * MIB)
#define IO_FRAME 0xfe000ULL /* device memory that dom0 may map */
#define IO_RO_FRAME 0xfe010ULL
#define MAX_FRAMES (RAM_END / PAGE_SIZE)

struct domain *pv_guest[PV_GUESTS];
struct page *pv_frame[PV_GUESTS][PV_FRAMES];
unsigned long pv_accepted[16], pv_refused[16];

static struct {
    struct mmu_update update[4];
    struct mmuext_op ext[2];
    uint64_t frames[14];
    uint32_t done;
} guest;

unsigned int pv_32bit;
static uint32_t want_ref[MAX_FRAMES], want_type[MAX_FRAMES];
static uint64_t free_at_start;
bool pv_abandon;
static unsigned int wrong;

uint64_t pv_frame_number(unsigned int g, unsigned int i) { return page_to_mfn(pv_frame[g][i]).n; }
uint64_t *pv_frame_bytes(unsigned int g, unsigned int i)
{
    return direct_va(pv_frame_number(g, i) << PAGE_SHIFT);
}

/* --- making and unmaking ---------------------------------------------------------------------- */

void pv_machine_start(void)
{
    arena_start(4096 * MIB);
    ram_add_range(0, RAM_END);
    heap_add_range(16 * MIB, RAM_END, 0);
    arena_guest_buffer(&guest, sizeof(guest));
    pv_mmu_init();
    if (rangeset_add(mmio_ro_ranges, IO_RO_FRAME, IO_RO_FRAME))
        panic("no read-only range");
    dom_xen = arena_domain(DOMID_XEN, 0, 0); /* has the M2P as long as the machine runs */
    if (pv32_m2p_init())
        panic("no M2P for 32-bit guests");
}

void pv_world_start(void)
{
    dom_io = arena_domain(DOMID_IO, 0, 0);
    for (unsigned int g = 0; g < PV_GUESTS; g++) {
        struct domain *d = arena_domain((domid_t)g, 2, PV_FRAMES);

        d->is_privileged = d->is_hardware = g == 0;
        d->is_32bit = pv_32bit & BIT(g);
        d->iomem_caps = rangeset_new();
        if (g == 0 && rangeset_add(d->iomem_caps, IO_FRAME, IO_RO_FRAME + 15))
            panic("no device memory");
        pv_guest[g] = d;
        for (unsigned int i = 0; i < PV_FRAMES; i++) {
            pv_frame[g][i] = page_alloc_for(d, 0, 0);
            if (!pv_frame[g][i])
                panic("no frame");
        }
    }
    dom0 = pv_guest[0];
    if (!free_at_start)
        free_at_start = heap_free_pages() + PV_GUESTS * PV_FRAMES;
    host_current[0] = pv_guest[0]->vcpu[0];
}

/* Its L4 is nobody's business here. */
paddr_t pv32_show_l3(struct vcpu *v, mfn_t l3) { return mfn_to_paddr(l3); }

uint64_t pv_linear_rip(const struct vcpu *v, const struct cpu_user_regs *regs)
{
    return regs->rip;
}

bool pv_code_width(const struct vcpu *v, const struct cpu_user_regs *regs, bool *code64)
{
    *code64 = !domain_is_32bit(v->domain);
    return true;
}

static void kill_guest(struct domain *d)
{
    d->state = DOM_DYING;
    for (unsigned int tries = 0; pv_domain_relinquish(d) == -ERESTART; tries++)
        if (tries > 100000)
            panic("a domain does not die");
}

unsigned int pv_world_end(void)
{
    host_current[0] = pv_guest[0]->vcpu[0];
    wrong = 0;
    /* dom0 maps frames of the others, and goes last: they are zombies until then. */
    for (unsigned int g = PV_GUESTS; g-- > 0;)
        kill_guest(pv_guest[g]);
    arena_run_tasklets();
    for (unsigned int g = 0; g < PV_GUESTS; g++) {
        struct domain *d = pv_guest[g];

        if (d->page_list.nr || d->tot_pages || d->refs != 1) {
            fprintf(stderr, "d%u: %u frames, %u references left\n", d->id, d->tot_pages, d->refs);
            wrong++;
        }
        rangeset_free(d->iomem_caps);
        arena_domain_free(d);
    }
    arena_domain_free(dom_io);
    if (heap_free_pages() != free_at_start) {
        fprintf(stderr, "%ld pages leaked\n", (long)(free_at_start - heap_free_pages()));
        wrong++;
    }
    return wrong;
}

/* --- hypercalls ------------------------------------------------------------------------------- */

long pv_call(unsigned int g, hypercall_fn *fn, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t arg[6] = { a, b, c, d };
    long rc;

    if (host_current[0]->domain != pv_guest[g])
        host_current[0] = pv_guest[g]->vcpu[0];
    for (unsigned int tries = 0;; tries++) {
        arena.continued = false;
        rc = fn(host_current[0], arg);
        if (!arena.continued || pv_abandon)
            return rc;
        if (rc != -ERESTART || tries > 100000)
            panic("a hypercall does not end");
        memcpy(arg, arena.arg, sizeof(arg));
    }
}

long pv_update(unsigned int g, uint64_t ptr, uint64_t val, uint32_t foreigndom)
{
    long rc;

    guest.update[0] = (struct mmu_update){ ptr, val };
    guest.done = 99;
    rc = pv_call(g, hc_mmu_update, (uint64_t)(uintptr_t)guest.update, 1,
                 (uint64_t)(uintptr_t)&guest.done, foreigndom);
    if (rc != -EPERM && rc != -ESRCH && rc != -ERESTART && guest.done != (rc == 0)) {
        fprintf(stderr, "mmu_update: %ld with %u done\n", rc, guest.done);
        wrong++;
    }
    return rc;
}

long pv_mmuext(unsigned int g, unsigned int cmd, uint64_t arg1, uint32_t foreigndom)
{
    long rc;

    guest.ext[0] = (struct mmuext_op){ .cmd = cmd, .arg1.mfn = arg1 };
    guest.ext[0].arg2.src_mfn = arg1;
    if (domain_is_32bit(pv_guest[g]))
        *(struct mmuext_op_32 *)(void *)guest.ext = (struct mmuext_op_32){
            .cmd = cmd, .arg1 = (uint32_t)arg1, .arg2 = (uint32_t)arg1
        };
    guest.done = 99;
    rc = pv_call(g, hc_mmuext_op, (uint64_t)(uintptr_t)guest.ext, 1,
                 (uint64_t)(uintptr_t)&guest.done, foreigndom);
    if (rc != -EPERM && rc != -ESRCH && rc != -ERESTART && guest.done != (rc == 0)) {
        fprintf(stderr, "mmuext_op %u: %ld with %u done\n", cmd, rc, guest.done);
        wrong++;
    }
    return rc;
}

/* --- the scan --------------------------------------------------------------------------------- */

static void fault(const struct page *pg, const char *what, uint64_t got, uint64_t want)
{
    struct page_use u = page_use_read(pg);

    fprintf(
        stderr,
        "frame %#lx of d%u (type %u state %u count %u pinned %u partial %u): "
        "%s %lu, should be %lu\n",
        (unsigned long)page_to_mfn(pg).n, pg->owner, u.type, u.state, u.count, u.pinned,
        pg->partial, what, (unsigned long)got, (unsigned long)want);
    wrong++;
}

static void holds(mfn_t mfn, bool type)
{
    if (mfn.n >= MAX_FRAMES || mfn.n < 0x100)
        return;
    want_ref[mfn.n]++;
    want_type[mfn.n] += type;
}

static void scan_entry(struct domain *d, const struct page *pg, enum page_type type, unsigned int i,
                       pte_t e)
{
    const unsigned int level = page_type_level(type);
    struct page *target;

    if (type == PT_L3 && domain_is_32bit(d) && i >= PV32_L3_ENTRIES && e.v &&
        page_use_read(pg).state == PS_VALID)
        fault(pg, "an entry that its guest does not know of", e.v, 0);
    if (!pte_present(e) || pv_our_entry(d, type, i))
        return;
    if (!(e.v & PTE_USER) && !domain_is_32bit(d))
        fault(pg, "an entry without USER", i, 0);
    target = mfn_to_page(pte_mfn(e));
    if (level > 1) {
        if (!target || target->owner != d->id ||
            page_table_type(target) != pv_child_type(d, type, i))
            fault(pg, "an entry to what is not the next level", e.v, level - 1);
    } else if (e.v & PTE_RW) {
        if (target && pte_mfn(e).n >= 0x100 &&
            (page_use_read(target).type != PT_WRITABLE || page_use_read(target).count == 0))
            fault(target, "writable, while its type is", page_use_read(target).type, PT_WRITABLE);
        if (pte_mfn(e).n == IO_RO_FRAME)
            fault(pg, "a writable entry of a read-only device frame", e.v, 0);
    }
    if (level == 1 && target && pte_mfn(e).n >= 0x100 && target->owner != d->id && d->id != 0)
        fault(pg, "an entry to a frame of", target->owner, d->id);
    holds(pte_mfn(e), level > 1 || (e.v & PTE_RW));
}

static void scan_frame(struct domain *d, struct page *pg)
{
    struct page_use u = page_use_read(pg);
    const pte_t *table = direct_va(mfn_to_paddr(page_to_mfn(pg)));
    unsigned int n = u.state == PS_PARTIAL ? pg->partial : PT_ENTRIES;

    want_ref[page_to_mfn(pg).n] += (pg->ref & PAGE_ALLOCATED) != 0;
    if (u.pinned)
        holds(page_to_mfn(pg), true);
    if (u.state == PS_PARTIAL)
        holds(page_to_mfn(pg), true); /* nobody's */
    if (u.state == PS_CHECKING || u.state == PS_UNDOING)
        fault(pg, "left in state", u.state, PS_IDLE);
    if (u.state == PS_IDLE || !page_type_is_table(u.type))
        return;
    for (unsigned int i = 0; i < n; i++)
        scan_entry(d, pg, u.type, i, table[i]);
    if (u.state == PS_VALID && u.type == PT_L2_TOP &&
        memcmp(table + PV32_FIRST_L2_SLOT, pv32_l2, sizeof(pv32_l2)) != 0)
        fault(pg, "its entries of ours are not ours", table[PV32_FIRST_L2_SLOT].v, pv32_l2[0].v);
    if (u.state == PS_VALID && (u.type == PT_L4 || u.type == PT_L2_TOP) &&
        domain_is_32bit(d) != (u.type == PT_L2_TOP))
        fault(pg, "no type for such a guest", u.type, 0);
    if (u.state == PS_VALID && u.type == PT_L4 &&
        (pte_mfn(table[PERDOMAIN_SLOT]).n != 0x77 ||
         table[HV_FIRST_SLOT].v != hv_l4[HV_FIRST_SLOT].v))
        fault(pg, "its slots of ours are not ours", table[PERDOMAIN_SLOT].v, 0x77);
}

static void scan_vcpu(const struct vcpu *v)
{
    const struct pv_vcpu *pv = &v->arch.pv;

    if (!mfn_eq(pv->kernel_l4, INVALID_MFN))
        holds(pv->kernel_l4, true);
    if (!mfn_eq(pv->user_l4, INVALID_MFN))
        holds(pv->user_l4, true);
    for (unsigned int i = 0; i < ARRAY_SIZE(pv->gdt_frame); i++)
        if (!mfn_eq(pv->gdt_frame[i], INVALID_MFN))
            holds(pv->gdt_frame[i], true);
    if (pv->old_table.n)
        holds(pv->old_table, false);
}

unsigned int pv_check(void)
{
    memset(want_ref, 0, sizeof(want_ref));
    memset(want_type, 0, sizeof(want_type));
    for (unsigned int g = 0; g < PV_GUESTS; g++) {
        for (const struct page *pg = page_list_first(&pv_guest[g]->page_list); pg;
             pg = page_list_next(pg))
            scan_frame(pv_guest[g], frame_table + page_to_mfn(pg).n);
        for (unsigned int i = 0; i < pv_guest[g]->max_vcpus; i++)
            scan_vcpu(pv_guest[g]->vcpu[i]);
    }
    for (unsigned int g = 0; g < PV_GUESTS; g++)
        for (const struct page *pg = page_list_first(&pv_guest[g]->page_list); pg;
             pg = page_list_next(pg)) {
            uint64_t n = page_to_mfn(pg).n;

            if ((uint32_t)pg->ref != want_ref[n])
                fault(pg, "references", (uint32_t)pg->ref, want_ref[n]);
            if (page_use_read(pg).count != want_type[n])
                fault(pg, "type references", page_use_read(pg).count, want_type[n]);
        }
    return wrong;
}

/* --- operations ------------------------------------------------------------------------------- */

struct input { const uint8_t *p; size_t n; };

static uint8_t byte(struct input *in)
{
    if (!in->n)
        return 0;
    in->n--;
    return *in->p++;
}

/* Slots that are likely to meet again: a few of the low ones, the last, one of ours. */
static unsigned int pick_slot(struct input *in)
{
    static const uint16_t odd[] = {
        511, 256, 259, 271, 272, 255, 100, 300, 4, PV32_FIRST_L2_SLOT, PV32_FIRST_L2_SLOT - 1, 500
    };
    uint8_t b = byte(in);

    return b < 240 ? b % 4 : odd[b % ARRAY_SIZE(odd)];
}

static unsigned int pick_frame(struct input *in) { return byte(in) % PV_FRAMES; }

/*
 * Mostly sensible: frame of the guest's own, P, maybe RW. A frame's number decides what it is good
 * for: see pv_one_op().
 */
static uint64_t pick_entry(struct input *in, unsigned int g, unsigned int frame)
{
    uint64_t flags = PTE_PRESENT, mfn = pv_frame_number(g, frame);
    uint8_t b = byte(in);

    if (b & 1)
        flags |= PTE_RW;
    if (b & 2)
        flags |= PTE_USER;
    if (b & 4)
        flags |= PTE_ACCESSED | PTE_DIRTY;
    if (b & 8)
        flags |= PTE_NX;
    switch (b >> 4) {
    case 0:
        return 0;
    case 1:
        mfn = pv_frame_number(byte(in) % PV_GUESTS, frame);
        break;
    case 2:
        mfn = IO_FRAME + byte(in) % 24;
        break;
    case 3:
        mfn = byte(in) & 1 ? 0xf0 + (byte(in) & 31) : PTE_ADDR >> PAGE_SHIFT;
        break;
    case 4:
        flags ^= 1ULL << (byte(in) & 63);
        break;
    case 5:
        flags |= byte(in) & PTE_CACHE_BITS;
        break;
    case 6: /* a page of the M2P, as DOMID_XEN's; the last ones are past its end */
        if (arch_m2p_frame(0, &mfn))
            mfn += byte(in) * 16U;
        break;
    default:
        break;
    }
    return mfn << PAGE_SHIFT | flags;
}

/* Frames are in four groups, one a level, so that trees come about; the last is for data. */
static unsigned int frame_for(struct input *in, unsigned int level)
{
    unsigned int b = byte(in);

    if (b >= 250)
        return pick_frame(in);
    if (level == 0 && b >= 220)
        return b % 5; /* an L1, which may be mapped read-only */
    return level == 0 ? 20 + b % (PV_FRAMES - 20) : (level - 1) * 5 + b % 5;
}

static bool may_write(const struct page *pg)
{
    struct page_use u = page_use_read(pg);

    return u.state == PS_IDLE || (u.state == PS_VALID && u.type == PT_WRITABLE);
}

/* The guest writes an entry by its own mapping of the frame, which it could have. */
static long own_write(struct input *in, unsigned int g)
{
    unsigned int level = byte(in) % 5, frame = frame_for(in, level), slot = pick_slot(in);
    uint64_t e = pick_entry(in, g, frame_for(in, level ? level - 1 : 0));

    if (level == 0 && (e & 1))
        e |= 1ULL << 47; /* a present descriptor, good or bad */
    if (!may_write(pv_frame[g][frame]) || pv_frame[g][frame]->owner != g)
        return -EINVAL;
    pv_frame_bytes(g, frame)[slot] = e;
    return 0;
}

static long own_clear(struct input *in, unsigned int g)
{
    unsigned int frame = pick_frame(in);

    if (!may_write(pv_frame[g][frame]) || pv_frame[g][frame]->owner != g)
        return -EINVAL;
    memset(pv_frame_bytes(g, frame), 0, PAGE_SIZE);
    return 0;
}

static uint32_t pick_foreign(struct input *in)
{
    static const uint32_t odd[] = {
        DOMID_IO, DOMID_XEN, 1, 2, 0, (2 << 16) | DOMID_SELF, (3 << 16) | 2, 99
    };
    uint8_t b = byte(in);

    return b < 180 ? DOMID_SELF : odd[b % ARRAY_SIZE(odd)];
}

static long table_update(struct input *in, unsigned int g)
{
    unsigned int level = 1 + byte(in) % 4, frame = frame_for(in, level),
                 cmd = byte(in) & 7 ? 0 : byte(in) & 7;
    uint64_t ptr = (pv_frame_number(g, frame) << PAGE_SHIFT) + pick_slot(in) * 8 + cmd;
    uint64_t e = pick_entry(in, g, frame_for(in, level - 1));

    return pv_update(g, ptr, e, pick_foreign(in));
}

/* Several at once, some of them bad: done must say how many had their effect. */
static long batch_update(struct input *in, unsigned int g)
{
    long rc;

    for (unsigned int i = 0; i < ARRAY_SIZE(guest.update); i++) {
        unsigned int level = 1 + byte(in) % 4;

        guest.update[i].ptr = (pv_frame_number(g, frame_for(in, level)) << PAGE_SHIFT) +
                              pick_slot(in) * 8;
        guest.update[i].val = pick_entry(in, g, frame_for(in, level - 1));
    }
    rc = pv_call(g, hc_mmu_update, (uint64_t)(uintptr_t)guest.update, ARRAY_SIZE(guest.update),
                 (uint64_t)(uintptr_t)&guest.done, DOMID_SELF);
    if (rc != -ERESTART && (rc == 0) != (guest.done == ARRAY_SIZE(guest.update)))
        wrong++;
    return rc;
}

static long pin_or_unpin(struct input *in, unsigned int g)
{
    unsigned int level = 1 + byte(in) % 4, b = byte(in), target = b < 230 ? g : b % PV_GUESTS;

    return pv_mmuext(g, b & 1 ? MMUEXT_PIN_L1_TABLE + level - 1 : MMUEXT_UNPIN_TABLE,
                     pv_frame_number(target, frame_for(in, level)),
                     target == g ? DOMID_SELF : target);
}

static unsigned int top(unsigned int g) { return pv_top_type(pv_guest[g]); }

static long base(struct input *in, unsigned int g)
{
    uint8_t b = byte(in);

    host_current[0] = pv_guest[g]->vcpu[b & 1];
    return pv_mmuext(g, b & 2 ? MMUEXT_NEW_USER_BASEPTR : MMUEXT_NEW_BASEPTR,
                     (b & 0xe0) == 0 ? 0 : pv_frame_number(g, frame_for(in, top(g))), DOMID_SELF);
}

/* Few slots, or no two would ever be the same way down. */
static uint64_t pick_va(struct input *in, unsigned int g)
{
    uint64_t va = 0;

    for (unsigned int level = top(g); level > 0; level--) {
        uint8_t b = byte(in);

        va |= (uint64_t)(b < 230 ? b & 1 : pick_slot(in)) << (12 + 9 * (level - 1));
    }
    if (domain_is_32bit(pv_guest[g]))
        return (uint32_t)va;
    return va >> 47 ? va | 0xffffULL << 48 : va;
}

static long va_mapping(struct input *in, unsigned int g)
{
    static const uint64_t flush[] = {
        0, UVMF_TLB_FLUSH, UVMF_INVLPG, UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG | UVMF_ALL, 3
    };
    uint64_t va = pick_va(in, g), e = pick_entry(in, g, frame_for(in, 0)),
             how = flush[byte(in) % 5];

    if (domain_is_32bit(pv_guest[g]))
        return pv_call(g, pv32_update_va_mapping, va, (uint32_t)e, e >> 32, how);
    return pv_call(g, hc_update_va_mapping, va, e, how, 0);
}

static long descriptors(struct input *in, unsigned int g)
{
    unsigned int nr = byte(in) % 3;
    uint64_t desc = 0x00affb000000ffffULL ^ (byte(in) & 1 ? 0 : 1ULL << (byte(in) & 63));

    if (byte(in) & 1)
        return pv_call(g, hc_update_descriptor,
                       (pv_frame_number(g, pick_frame(in)) << PAGE_SHIFT) + byte(in) % 64 * 8, desc,
                       0, 0);
    for (unsigned int i = 0; i < nr; i++)
        guest.frames[i] = pv_frame_number(g, frame_for(in, 0));
    return pv_call(g, hc_set_gdt, (uint64_t)(uintptr_t)guest.frames, nr * 512, 0, 0);
}

static long page_op(struct input *in, unsigned int g)
{
    guest.ext[0].arg2.src_mfn = pv_frame_number(g, pick_frame(in));
    return pv_mmuext(g, byte(in) & 1 ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE,
                     pv_frame_number(g, pick_frame(in)), DOMID_SELF);
}

/* The guest gives a frame back and gets another in its place. */
static long give_back(struct input *in, unsigned int g)
{
    unsigned int i = pick_frame(in);
    struct page *pg = pv_frame[g][i], *fresh;

    if (!page_get(pg, pv_guest[g]))
        return -EINVAL;
    if (!page_clear_allocated(pg)) {
        page_put(pg);
        return -EINVAL;
    }
    page_put(pg);
    fresh = page_alloc_for(pv_guest[g], 0, 0);
    if (fresh)
        pv_frame[g][i] = fresh; /* else it is still mapped, and charged */
    return fresh ? 0 : -ENOMEM;
}

/* Where the vcpu has an L1 of its own mapped read-only; 0: nowhere. */
static uint64_t l1_mapping(struct vcpu *v)
{
    for (unsigned int i = 0; i < 256; i++) {
        uint64_t va = (uint64_t)(i & 3) << 39 | (uint64_t)(i >> 2 & 3) << 30 | (i >> 4 & 3) << 21 |
                      (i >> 6) << 12;
        const pte_t *p = pv_l1_entry(v->domain, v->arch.pv.kernel_l4, va);
        struct page *pg = p && pte_present(*p) && !(p->v & PTE_RW) ? mfn_to_page(pte_mfn(*p))
                                                                   : NULL;

        if (pg && pg->owner == v->domain->id && page_table_type(pg) == PT_L1)
            return va;
    }
    return 0;
}

/* A write through a read-only mapping of an L1, decoded and done for the guest. */
static long emulated_write(struct input *in, unsigned int g)
{
    static uint8_t code[16];
    struct cpu_user_regs regs = { 0 };
    struct vcpu *v = pv_guest[g]->vcpu[0];
    static bool known;
    uint64_t va = pick_va(in, g);

    if (!known)
        arena_guest_buffer(code, sizeof(code));
    known = true;
    host_current[0] = v;
    if (byte(in) & 7)
        va = l1_mapping(v);
    va += byte(in) % 6 * 8 + (byte(in) & 1 ? 4 : 0);
    for (unsigned int i = 0; i < 4; i++)
        code[i] = byte(in);
    if (byte(in) & 3) { /* mov %rax, (%rcx) and xchg */
        memcpy(code, byte(in) & 1 ? "\x48\x89\x01" : "\x48\x87\x01", 3);
        va &= ~7ULL;
        if (domain_is_32bit(v->domain)) /* the same without REX: half of the entry */
            memmove(code, code + 1, 2);
    }
    regs.rax = pick_entry(in, g, frame_for(in, 0));
    regs.rip = (uint64_t)(uintptr_t)code;
    return pv_ptwr_fault(v, va, &regs) ? 0 : -EINVAL;
}

bool pv_one_op(const uint8_t **data, size_t *size)
{
    static long (*const ops[])(struct input *, unsigned int) = {
        own_write, own_write, own_clear, table_update, table_update, table_update, pin_or_unpin,
        pin_or_unpin, base, va_mapping, descriptors, page_op, give_back, batch_update,
        emulated_write, va_mapping,
    };
    struct input in = { *data, *size };
    unsigned int op, g;

    if (!in.n)
        return false;
    op = byte(&in);
    g = (op >> 4) % PV_GUESTS;
    op &= 15;
    pv_abandon = byte(&in) >= 232;
    if (ops[op](&in, g))
        pv_refused[op]++;
    else
        pv_accepted[op]++;
    pv_abandon = false;
    arena_run_tasklets();
    *data = in.p;
    *size = in.n;
    return true;
}
