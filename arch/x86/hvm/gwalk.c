/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk of a guest's page tables. AMD APM vol. 2 §5.2 "Legacy-Mode Page Translation", §5.3
 * "Long-Mode Page Translation", §5.6 "Page-Protection Checks"; Intel SDM vol. 3, "Paging", for
 * the error code and what is reserved.
 *
 * The four PDPTEs of PAE paging are read from memory each time: that is what the processor does
 * under nested paging (AMD APM vol. 2 §15.25.8), and why a reserved bit in one is a page fault
 * here.
 *
 * First all entries are read and judged, then accessed and dirty bits are set from the top down.
 * An entry that has changed meanwhile in more than those bits makes the walk start again.
 */
#include <arch/gwalk.h>
#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/regs.h>

#define MAX_LEVELS 5
#define MAX_RACES 64
#define KEY_SHIFT 59
#define KEY_NO_ACCESS 1U
#define KEY_NO_WRITE 2U

enum mode { MODE_OFF, MODE_32, MODE_PAE, MODE_LONG };

struct walk {
    const struct gwalk_cpu *cpu;
    const struct gwalk_ops *ops;
    void *ctx;
    uint64_t linear;
    uint32_t access;
    uint8_t mode;          /* enum mode */
    uint8_t entry_size;
    bool nx;               /* entries have a no-execute bit */

    /* filled on the way down */
    struct {
        uint64_t gpa, val;
        bool has_accessed;
    } entry[MAX_LEVELS];
    unsigned int depth;    /* entries read */
    unsigned int shift;    /* of the page */
    uint64_t rights;       /* PTE_RW and PTE_USER that all have, and PTE_NX if one has it */
};

/* Bits first to last. */
static uint64_t bits(unsigned int first, unsigned int last)
{
    return first > last ? 0 : (~0ULL >> (63 - (last - first))) << first;
}

static enum mode mode_of(const struct gwalk_cpu *cpu)
{
    if (!(cpu->cr0 & X86_CR0_PG))
        return MODE_OFF;
    if (cpu->efer & EFER_LMA)
        return MODE_LONG;
    return cpu->cr4 & X86_CR4_PAE ? MODE_PAE : MODE_32;
}

bool gwalk_address_ok(const struct gwalk_cpu *cpu, uint64_t linear)
{
    const unsigned int unused = cpu->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

    if (mode_of(cpu) != MODE_LONG)
        return linear <= UINT32_MAX;
    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* --- one entry -------------------------------------------------------------------------------- */

static bool is_leaf(const struct walk *w, uint64_t e, unsigned int shift)
{
    if (shift == L1_SHIFT)
        return true;
    if (!(e & PTE_PSE))
        return false;
    switch (w->mode) {
    case MODE_32: return w->cpu->cr4 & X86_CR4_PSE;
    case MODE_PAE: return shift == L2_SHIFT;
    default: return shift == L2_SHIFT || (shift == L3_SHIFT && w->cpu->page1gb);
    }
}

static uint64_t reserved_32(const struct walk *w, bool leaf, unsigned int shift)
{
    const unsigned int width = MIN(w->cpu->phys_bits, 40U);

    /* A 4 MiB page: bits 13 and up are address bits 32 to 39, as far as there are any. */
    return leaf && shift == 22 ? bits(MAX(width, 32U) - 32 + 13, 21) : 0;
}

static uint64_t reserved_pae(const struct walk *w, bool leaf, unsigned int shift)
{
    const uint64_t high = bits(w->cpu->phys_bits, 62);

    if (shift == L3_SHIFT)
        return bits(1, 2) | bits(w->cpu->pdpte_accessed ? 6 : 5, 8) | high | PTE_NX;
    return high | (w->nx ? 0 : PTE_NX) | (leaf ? bits(13, shift - 1) : 0);
}

static uint64_t reserved_long(const struct walk *w, bool leaf, unsigned int shift)
{
    uint64_t r = bits(w->cpu->phys_bits, 51) | (w->nx ? 0 : PTE_NX);

    if (leaf)
        return r | bits(13, shift - 1);
    if (shift >= L4_SHIFT && w->cpu->amd)
        r |= PTE_GLOBAL;
    return r | PTE_PSE;    /* no such pages: an upper level, or 1 GiB on a machine without */
}

static bool is_reserved(const struct walk *w, uint64_t e, bool leaf, unsigned int shift)
{
    switch (w->mode) {
    case MODE_32: return e & reserved_32(w, leaf, shift);
    case MODE_PAE: return e & reserved_pae(w, leaf, shift);
    default: return e & reserved_long(w, leaf, shift);
    }
}

static uint64_t page_address(const struct walk *w, uint64_t e, unsigned int shift)
{
    if (w->mode == MODE_32 && shift == 22)
        return (e & bits(22, 31)) | (e & bits(13, 20)) << (32 - 13);
    return e & PTE_ADDR & ~bits(0, shift - 1);
}

/* --- the way down ----------------------------------------------------------------------------- */

static bool fault(const struct walk *w, struct gwalk_out *out, uint32_t reason)
{
    uint32_t error = reason | (w->access & (PFEC_WRITE | PFEC_USER));

    if ((w->access & PFEC_FETCH) && (w->nx || (w->cpu->cr4 & X86_CR4_SMEP)))
        error |= PFEC_FETCH;
    out->error = error;
    return false;
}

static unsigned int top_shift(const struct walk *w)
{
    switch (w->mode) {
    case MODE_32: return 22;
    case MODE_PAE: return L3_SHIFT;
    default: return w->cpu->cr4 & X86_CR4_LA57 ? L4_SHIFT + 9 : L4_SHIFT;
    }
}

static uint64_t top_table(const struct walk *w)
{
    switch (w->mode) {
    case MODE_32: return w->cpu->cr3 & bits(12, 31);
    case MODE_PAE: return w->cpu->cr3 & bits(5, 31);
    default: return w->cpu->cr3 & PTE_ADDR;
    }
}

/* All entries of linear, into w. */
static bool descend(struct walk *w, struct gwalk_out *out)
{
    const unsigned int index_bits = w->mode == MODE_32 ? 10 : 9;
    uint64_t table = top_table(w);
    unsigned int shift = top_shift(w);

    w->rights = PTE_RW | PTE_USER;
    for (w->depth = 0;; shift -= index_bits) {
        const uint64_t index = w->linear >> shift & bits(0, index_bits - 1);
        const uint64_t gpa = table + index * w->entry_size;
        const bool is_pdpte = w->mode == MODE_PAE && shift == L3_SHIFT;
        uint64_t e;
        bool leaf;

        if (!w->ops->read(w->ctx, gpa, w->entry_size, &e) || !(e & PTE_PRESENT))
            return fault(w, out, 0);
        leaf = is_leaf(w, e, shift);
        if (is_reserved(w, e, leaf, shift))
            return fault(w, out, PFEC_PRESENT | PFEC_RESERVED);
        if (!is_pdpte) /* it has no rights to give or take */
            w->rights &= e | PTE_NX;
        if (!is_pdpte && w->nx)
            w->rights |= e & PTE_NX;
        w->entry[w->depth].gpa = gpa;
        w->entry[w->depth].val = e;
        w->entry[w->depth++].has_accessed = !is_pdpte;
        if (leaf)
            break;
        table = e & (w->mode == MODE_32 ? bits(12, 31) : PTE_ADDR);
    }
    w->shift = shift;
    return true;
}

/* --- rights ----------------------------------------------------------------------------------- */

static bool write_protects(const struct walk *w)
{
    return (w->access & PFEC_USER) || (w->cpu->cr0 & X86_CR0_WP);
}

static bool key_refuses(const struct walk *w)
{
    const unsigned int key = (unsigned int)(w->entry[w->depth - 1].val >> KEY_SHIFT) & 15;
    const uint32_t rights = w->cpu->pkru >> (2 * key);

    if (w->mode != MODE_LONG || !(w->cpu->cr4 & X86_CR4_PKE) || !(w->rights & PTE_USER) ||
        (w->access & PFEC_FETCH))
        return false;
    return (rights & KEY_NO_ACCESS) ||
           ((rights & KEY_NO_WRITE) && (w->access & PFEC_WRITE) && write_protects(w));
}

/* A supervisor's access to a user's page. */
static bool supervisor_refused(const struct walk *w)
{
    if (w->access & PFEC_FETCH)
        return w->cpu->cr4 & X86_CR4_SMEP;
    return (w->cpu->cr4 & X86_CR4_SMAP) && !(w->access & GWALK_NO_SMAP) &&
           ((w->access & GWALK_IMPLICIT) || !(w->cpu->rflags & X86_EFLAGS_AC));
}

static bool allowed(const struct walk *w, struct gwalk_out *out)
{
    const bool user_page = w->rights & PTE_USER, by_user = w->access & PFEC_USER;

    if (key_refuses(w))
        return fault(w, out, PFEC_PRESENT | PFEC_KEY);
    if ((by_user && !user_page) || (!by_user && user_page && supervisor_refused(w)) ||
        ((w->access & PFEC_WRITE) && !(w->rights & PTE_RW) && write_protects(w)) ||
        ((w->access & PFEC_FETCH) && (w->rights & PTE_NX)))
        return fault(w, out, PFEC_PRESENT);
    return true;
}

/* --- accessed and dirty ----------------------------------------------------------------------- */

/* False: somebody has changed the entry, or never stops to change these bits of it. */
static bool set_in_entry(const struct walk *w, unsigned int i, uint64_t want)
{
    const uint64_t old = w->entry[i].val;
    uint64_t now = old;

    for (unsigned int tries = 0; tries < MAX_RACES; tries++) {
        if ((now & want) == want || w->ops->cmpxchg(w->ctx, w->entry[i].gpa, w->entry_size, &now,
                                                    now | want) == GWALK_CAS_DONE)
            return true;
        if ((now ^ old) & ~(PTE_ACCESSED | PTE_DIRTY))
            return false;
    }
    return false;
}

static bool set_bits(const struct walk *w)
{
    for (unsigned int i = 0; i < w->depth; i++) {
        const bool dirty = i == w->depth - 1 && (w->access & PFEC_WRITE);

        if (w->entry[i].has_accessed &&
            !set_in_entry(w, i, PTE_ACCESSED | (dirty ? PTE_DIRTY : 0)))
            return false;
    }
    return true;
}

bool gwalk(const struct gwalk_cpu *cpu, const struct gwalk_ops *ops, void *ctx, uint64_t linear,
           uint32_t access, struct gwalk_out *out)
{
    struct walk w = { .cpu = cpu, .ops = ops, .ctx = ctx, .linear = linear, .access = access,
                      .mode = (uint8_t)mode_of(cpu) };

    if (w.mode != MODE_LONG)
        w.linear = (uint32_t)linear;
    if (w.mode == MODE_OFF) {
        *out = (struct gwalk_out){ .gpa = w.linear, .shift = 32 };
        return true;
    }
    w.entry_size = w.mode == MODE_32 ? 4 : 8;
    w.nx = w.mode != MODE_32 && (cpu->efer & EFER_NX);
    *out = (struct gwalk_out){ .gpa = 0 };
    for (unsigned int tries = 0; tries < MAX_RACES; tries++) {
        if (!descend(&w, out) || !allowed(&w, out))
            return false;
        if (!(access & GWALK_NO_AD) && !set_bits(&w))
            continue;
        out->shift = (uint8_t)w.shift;
        out->gpa = page_address(&w, w.entry[w.depth - 1].val, w.shift) |
                   (w.linear & bits(0, w.shift - 1));
        return true;
    }
    return fault(&w, out, PFEC_PRESENT);
}
