/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a walk ought to answer, written a second time from Intel SDM vol. 3 "Paging" in another
 * shape: a function for each kind of entry, entries taken apart into named fields, nothing shared
 * with arch/x86/hvm/gwalk.c. And a small guest memory with tables in it.
 */
#ifndef HOST_GWALK_REF_H
#define HOST_GWALK_REF_H

#include <stdlib.h>
#include <string.h>

#include <arch/gwalk.h>

#define REF_PAGES 8U
#define REF_BYTES (REF_PAGES * 4096U)

static uint8_t ref_memory[REF_BYTES] __attribute__((aligned(8)));
static unsigned int ref_races; /* this many compare-and-exchanges are lost, to a new entry */
static uint64_t ref_race_xor;  /* which differs in these bits */

static inline bool ref_read(void *ctx, uint64_t gpa, unsigned int size, uint64_t *val)
{
    if (gpa % size || gpa >= REF_BYTES)
        return false;
    *val = 0;
    memcpy(val, ref_memory + gpa, size);
    return true;
}

static inline enum gwalk_cas ref_cmpxchg(void *ctx, uint64_t gpa, unsigned int size,
                                         uint64_t *old, uint64_t val)
{
    uint64_t now;

    if (!ref_read(ctx, gpa, size, &now))
        abort();
    if (ref_races) {
        ref_races--;
        now ^= ref_race_xor;
        memcpy(ref_memory + gpa, &now, size);
    }
    if (now != *old) {
        *old = now;
        return GWALK_CAS_LOST;
    }
    memcpy(ref_memory + gpa, &val, size);
    return GWALK_CAS_DONE;
}

static const struct gwalk_ops ref_ops = { ref_read, ref_cmpxchg };

/* --- the reference ---------------------------------------------------------------------------- */

struct ref {
    const struct gwalk_cpu *c;
    bool write, user, fetch, long_mode, nxe, paging;
    /* results */
    bool ok, missing, reserved;
    bool r_w, u_s, x_d;
    unsigned int key;
    uint64_t gpa;
    uint64_t used[5]; /* addresses of the entries that get the accessed bit */
    unsigned int nr_used, size;
};

/* Cut out bits hi..lo. */
#define REF_BITS(v, hi, lo) (((v) >> (lo)) & ((2ULL << ((hi) - (lo))) - 1))

static inline bool ref_entry(struct ref *r, uint64_t gpa, uint64_t *e)
{
    if (!ref_read(NULL, gpa, r->size, e) || !(*e & 1)) {
        r->missing = true;
        return false;
    }
    return true;
}

static inline void ref_rights(struct ref *r, uint64_t gpa, uint64_t e)
{
    r->r_w = r->r_w && REF_BITS(e, 1, 1);
    r->u_s = r->u_s && REF_BITS(e, 2, 2);
    if (r->nxe && REF_BITS(e, 63, 63))
        r->x_d = true;
    r->used[r->nr_used++] = gpa;
}

static inline bool ref_bad(struct ref *r, bool bad)
{
    if (bad)
        r->reserved = true;
    return bad;
}

/* Address bits that this machine has not, and a no-execute bit that is not enabled. */
static inline bool ref_high(const struct ref *r, uint64_t e)
{
    for (unsigned int b = r->c->phys_bits; b <= (r->long_mode ? 51 : 62); b++)
        if (e >> b & 1)
            return true;
    return !r->nxe && e >> 63;
}

/* Tables 4-3 to 4-6: 32-bit paging. */
static inline void ref_walk_32(struct ref *r, uint32_t la)
{
    const uint64_t pde_gpa = REF_BITS(r->c->cr3, 31, 12) * 4096 + REF_BITS(la, 31, 22) * 4;
    uint64_t pde, pte, pte_gpa;

    r->size = 4;
    if (!ref_entry(r, pde_gpa, &pde))
        return;
    if ((r->c->cr4 & 0x10) && REF_BITS(pde, 7, 7)) {
        const unsigned int m = r->c->phys_bits < 40 ? r->c->phys_bits : 40;

        if (ref_bad(r, pde >> (m - 19) << (m - 19) & 0x3fffff))
            return;
        ref_rights(r, pde_gpa, pde);
        r->gpa = REF_BITS(pde, 20, 13) << 32 | REF_BITS(pde, 31, 22) << 22 | REF_BITS(la, 21, 0);
        r->ok = true;
        return;
    }
    ref_rights(r, pde_gpa, pde);
    pte_gpa = REF_BITS(pde, 31, 12) * 4096 + REF_BITS(la, 21, 12) * 4;
    if (!ref_entry(r, pte_gpa, &pte))
        return;
    ref_rights(r, pte_gpa, pte);
    r->gpa = REF_BITS(pte, 31, 12) * 4096 + REF_BITS(la, 11, 0);
    r->ok = true;
}

/* The two lowest levels of PAE and 4-level paging. */
static inline void ref_walk_pd(struct ref *r, uint64_t pd, uint64_t la)
{
    const uint64_t pde_gpa = pd + REF_BITS(la, 29, 21) * 8;
    uint64_t pde, pte, pte_gpa;

    if (!ref_entry(r, pde_gpa, &pde) || ref_bad(r, ref_high(r, pde)))
        return;
    if (REF_BITS(pde, 7, 7)) {
        if (ref_bad(r, REF_BITS(pde, 20, 13)))
            return;
        ref_rights(r, pde_gpa, pde);
        r->key = REF_BITS(pde, 62, 59);
        r->gpa = (REF_BITS(pde, 51, 21) << 21) + REF_BITS(la, 20, 0);
        r->ok = true;
        return;
    }
    ref_rights(r, pde_gpa, pde);
    pte_gpa = (REF_BITS(pde, 51, 12) << 12) + REF_BITS(la, 20, 12) * 8;
    if (!ref_entry(r, pte_gpa, &pte) || ref_bad(r, ref_high(r, pte)))
        return;
    ref_rights(r, pte_gpa, pte);
    r->key = REF_BITS(pte, 62, 59);
    r->gpa = (REF_BITS(pte, 51, 12) << 12) + REF_BITS(la, 11, 0);
    r->ok = true;
}

static inline void ref_walk_pae(struct ref *r, uint32_t la)
{
    const uint64_t reserved = r->c->pdpte_accessed ? 0x80000000000001c6 : 0x80000000000001e6;
    uint64_t pdpte;

    if (!ref_entry(r, (r->c->cr3 & 0xffffffe0) + REF_BITS(la, 31, 30) * 8, &pdpte))
        return;
    if (ref_bad(r, (pdpte & reserved) || ref_high(r, pdpte)))
        return;
    ref_walk_pd(r, REF_BITS(pdpte, 51, 12) << 12, la);
}

static inline void ref_walk_long(struct ref *r, uint64_t la)
{
    uint64_t table = REF_BITS(r->c->cr3, 51, 12) << 12, gpa, e;

    for (int level = r->c->cr4 & 0x1000 ? 5 : 4; level > 3; level--) {
        gpa = table + REF_BITS(la, 12 + 9 * level - 1, 12 + 9 * (level - 1)) * 8;
        if (!ref_entry(r, gpa, &e) ||
            ref_bad(r, ref_high(r, e) || (e & 0x80) || (r->c->amd && (e & 0x100))))
            return;
        ref_rights(r, gpa, e);
        table = REF_BITS(e, 51, 12) << 12;
    }
    gpa = table + REF_BITS(la, 38, 30) * 8;
    if (!ref_entry(r, gpa, &e) || ref_bad(r, ref_high(r, e)))
        return;
    if (e & 0x80) {
        if (ref_bad(r, !r->c->page1gb || REF_BITS(e, 29, 13)))
            return;
        ref_rights(r, gpa, e);
        r->key = REF_BITS(e, 62, 59);
        r->gpa = (REF_BITS(e, 51, 30) << 30) + REF_BITS(la, 29, 0);
        r->ok = true;
        return;
    }
    ref_rights(r, gpa, e);
    ref_walk_pd(r, REF_BITS(e, 51, 12) << 12, la);
}

/* Section "Access Rights". False: refused; *pk: by a key too. */
static inline bool ref_may(const struct ref *r, uint32_t access, bool *pk)
{
    const bool wp = r->c->cr0 & 0x10000, smep = r->c->cr4 & 0x100000, smap = r->c->cr4 & 0x200000;
    const bool ac = r->c->rflags & 0x40000, pke = r->c->cr4 & 0x400000;
    const bool ad = r->c->pkru >> (2 * r->key) & 1, wd = r->c->pkru >> (2 * r->key + 1) & 1;
    bool may;

    *pk = false;
    if (r->u_s && r->long_mode && pke && !r->fetch)
        *pk = ad || (r->write && wd && (r->user || wp));
    if (r->user) {
        may = r->u_s;
        if (r->write)
            may = may && r->r_w;
        if (r->fetch)
            may = may && !r->x_d;
        return may && !*pk;
    }
    if (!r->u_s) {
        if (r->fetch)
            return !r->x_d;
        return !r->write || r->r_w || !wp;
    }
    if (r->fetch)
        return !smep && !r->x_d;
    if (smap && !(access & GWALK_NO_SMAP) && ((access & GWALK_IMPLICIT) || !ac))
        return false;
    if (r->write && wp && !r->r_w)
        return false;
    return !*pk;
}

/*
 * Walks ref_memory; sets the bits in a copy of it, after (REF_BYTES). Same answer as gwalk(). An
 * access is not a write and a fetch at once.
 */
static inline bool ref_gwalk(const struct gwalk_cpu *c, uint64_t la, uint32_t access,
                             struct gwalk_out *out, uint8_t *after)
{
    struct ref r = { .c = c, .write = access & 2, .user = access & 4, .fetch = access & 16,
                     .r_w = true, .u_s = true, .size = 8 };
    bool pk = false, may;

    r.paging = c->cr0 >> 31 & 1;
    r.long_mode = r.paging && (c->efer & 0x400);
    r.nxe = (c->efer & 0x800) && (r.long_mode || (c->cr4 & 0x20));
    memcpy(after, ref_memory, REF_BYTES);
    memset(out, 0, sizeof(*out));
    if (!r.paging) {
        out->gpa = la & 0xffffffff;
        return true;
    }
    if (r.long_mode)
        ref_walk_long(&r, la);
    else if (c->cr4 & 0x20)
        ref_walk_pae(&r, (uint32_t)la);
    else
        ref_walk_32(&r, (uint32_t)la);
    may = r.ok && ref_may(&r, access, &pk);
    if (may) {
        for (unsigned int i = 0; i < r.nr_used; i++)
            after[r.used[i]] |= 0x20 | (r.write && i == r.nr_used - 1 ? 0x40 : 0);
        out->gpa = r.gpa;
        return true;
    }
    out->error = (r.missing ? 0 : 1) | (r.write ? 2 : 0) | (r.user ? 4 : 0) |
                 (r.reserved ? 8 : 0) | (pk ? 32 : 0);
    if (r.fetch && (r.nxe || (c->cr4 & 0x100000)))
        out->error |= 16;
    return false;
}

#endif
