/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/hvm/gwalk.c */
/*
 * The walk of a guest's page tables: sizes of pages, reserved bits, rights and error codes against
 * values worked out by hand from AMD APM vol. 2 chapter 5 and Intel SDM vol. 3 "Paging"; and all
 * combinations of rights and control bits against the second implementation in
 * tests/host/gwalk_ref.h.
 */
#include "check.h"

#include "../host/gwalk_ref.h"

#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/regs.h>

#define P PTE_PRESENT
#define W PTE_RW
#define U PTE_USER
#define PS PTE_PSE
#define A PTE_ACCESSED
#define D PTE_DIRTY

enum { M32, MPAE, MLONG, MLA57, MODES };

/* The tables are pages 1, 2, ...: the top one is page 1, the entry used is entry 1 of each. */
static uint64_t la_of(int mode)
{
    switch (mode) {
    case M32: return 1U << 22 | 1U << 12 | 0x123;
    case MPAE: return 1U << 30 | 1U << 21 | 1U << 12 | 0x123;
    case MLONG: return 1ULL << 39 | 1U << 30 | 1U << 21 | 1U << 12 | 0x123;
    default: return 1ULL << 48 | 1ULL << 39 | 1U << 30 | 1U << 21 | 1U << 12 | 0x123;
    }
}

static unsigned int levels_of(int mode) { return (unsigned int)mode + 2; }

static struct gwalk_cpu cpu_of(int mode)
{
    struct gwalk_cpu c = { .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr3 = 0x1000,
                           .phys_bits = 48, .page1gb = true, .amd = true };

    if (mode == M32) {
        c.cr4 = X86_CR4_PSE;
        return c;
    }
    c.cr4 = X86_CR4_PAE | (mode == MLA57 ? X86_CR4_LA57 : 0);
    c.efer = EFER_NX | (mode >= MLONG ? EFER_LMA : 0);
    return c;
}

static uint64_t entry_gpa(int mode, unsigned int level) /* 0: the top */
{
    return 0x1000 * (level + 1) + (mode == M32 ? 4 : 8);
}

static void put(int mode, unsigned int level, uint64_t e)
{
    memcpy(ref_memory + entry_gpa(mode, level), &e, mode == M32 ? 4 : 8);
}

static uint64_t get(int mode, unsigned int level)
{
    uint64_t e = 0;

    memcpy(&e, ref_memory + entry_gpa(mode, level), mode == M32 ? 4 : 8);
    return e;
}

/* All levels present with `rights`, the last names page 0x7000. */
static void build(int mode, uint64_t rights)
{
    memset(ref_memory, 0, sizeof(ref_memory));
    for (unsigned int i = 0; i < levels_of(mode); i++) {
        const bool last = i == levels_of(mode) - 1, pdpte = mode == MPAE && i == 0;

        put(mode, i, (last ? 0x7000 : 0x1000 * (i + 2)) | P | (pdpte ? 0 : rights));
    }
    ref_races = 0;
}

/* ~0: translated; else the error code. */
static uint32_t try(const struct gwalk_cpu *c, uint64_t la, uint32_t access, uint64_t *gpa)
{
    struct gwalk_out out;

    if (!gwalk(c, &ref_ops, NULL, la, access, &out))
        return out.error;
    *gpa = out.gpa;
    return ~0U;
}

static void test_pages(void)
{
    uint64_t gpa;

    TEST("paging off: 32 bits are the address")
    {
        struct gwalk_cpu c = { .cr0 = X86_CR0_PE, .phys_bits = 48 };

        CHECK_EQ(try(&c, 0x123456789, PFEC_WRITE, &gpa), ~0U);
        CHECK_EQ(gpa, 0x23456789);
        CHECK(gwalk_address_ok(&c, UINT32_MAX));
        CHECK(!gwalk_address_ok(&c, 0x100000000));
    }
    TEST("4 KiB pages in every mode; accessed and dirty")
    {
        for (int m = 0; m < MODES; m++) {
            struct gwalk_cpu c = cpu_of(m);

            build(m, W | U);
            CHECK_EQ(try(&c, la_of(m), PFEC_USER, &gpa), ~0U);
            CHECK_EQ(gpa, 0x7123);
            for (unsigned int i = 0; i < levels_of(m); i++)
                CHECK_EQ(get(m, i) & (A | D), m == MPAE && i == 0 ? 0 : A);
            CHECK_EQ(try(&c, la_of(m), PFEC_WRITE, &gpa), ~0U);
            for (unsigned int i = 0; i < levels_of(m); i++)
                CHECK_EQ(get(m, i) & D, i == levels_of(m) - 1 ? D : 0);
        }
    }
    TEST("large pages: 4 MiB with 40 address bits, 2 MiB, 1 GiB")
    {
        struct gwalk_cpu c = cpu_of(M32);

        build(M32, 0);
        put(M32, 0, 0x80000000 | 0xabU << 13 | P | W | PS);
        CHECK_EQ(try(&c, la_of(M32), 0, &gpa), ~0U);
        CHECK_EQ(gpa, 0xab80001123);
        c.cr4 = 0; /* not a page, but a table that is nowhere */
        CHECK_EQ(try(&c, la_of(M32), 0, &gpa), 0);
        for (int m = MPAE; m < MODES; m++) {
            c = cpu_of(m);
            build(m, W);
            put(m, levels_of(m) - 2, 0x6600000 | P | W | PS | PTE_GLOBAL);
            CHECK_EQ(try(&c, la_of(m), PFEC_WRITE, &gpa), ~0U);
            CHECK_EQ(gpa, 0x6601123);
            CHECK_EQ(get(m, levels_of(m) - 2) & (A | D), A | D);
        }
        c = cpu_of(MLONG);
        build(MLONG, W);
        put(MLONG, 1, 0x1240000000 | P | W | PS);
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), ~0U);
        CHECK_EQ(gpa, 0x1240201123);
    }
    TEST("the page directory pointers of PAE are four anywhere on 32 bytes")
    {
        struct gwalk_cpu c = cpu_of(MPAE);

        build(MPAE, W);
        memmove(ref_memory + 0x1fe8, ref_memory + 0x1008, 8);
        memset(ref_memory + 0x1008, 0, 8);
        c.cr3 = 0x1fe0 | 0x18; /* PWT and PCD are not address bits */
        CHECK_EQ(try(&c, la_of(MPAE), 0, &gpa), ~0U);
    }
    TEST("canonical addresses by CR4.LA57")
    {
        struct gwalk_cpu c = cpu_of(MLONG);

        CHECK(gwalk_address_ok(&c, 0x00007fffffffffff) && gwalk_address_ok(&c, -(1ULL << 47)));
        CHECK(!gwalk_address_ok(&c, 1ULL << 47));
        c.cr4 |= X86_CR4_LA57;
        CHECK(gwalk_address_ok(&c, 1ULL << 55) && !gwalk_address_ok(&c, 1ULL << 56));
    }
}

/* What one more bit in the entry of a level does: reserved or not. */
static const struct {
    const char *what;
    uint8_t mode, level;
    uint64_t add;
    bool reserved;
} reserved[] = {
    { "4 MiB: bit 21", M32, 0, PS | BIT(21), true },
    { "4 MiB: bit 20 is address", M32, 0, PS | BIT(20), false },
    { "PAE PDPTE: RW", MPAE, 0, W, true },
    { "PAE PDPTE: US", MPAE, 0, U, true },
    { "PAE PDPTE: PWT", MPAE, 0, PTE_PWT, false },
    { "PAE PDPTE: PCD", MPAE, 0, PTE_PCD, false },
    { "PAE PDPTE: bit 5", MPAE, 0, BIT(5), true },
    { "PAE PDPTE: bit 6", MPAE, 0, BIT(6), true },
    { "PAE PDPTE: bit 7", MPAE, 0, BIT(7), true },
    { "PAE PDPTE: bit 8", MPAE, 0, BIT(8), true },
    { "PAE PDPTE: bit 9", MPAE, 0, BIT(9), false },
    { "PAE PDPTE: bit 63", MPAE, 0, BIT(63), true },
    { "PAE PDE: bit 48", MPAE, 1, BIT(48), true },
    { "PAE PDE: bit 62", MPAE, 1, BIT(62), true },
    { "PAE PTE: bit 52", MPAE, 2, BIT(52), true },
    { "PAE 2 MiB: bit 13", MPAE, 1, PS | BIT(13), true },
    { "PAE 2 MiB: bit 12 is PAT", MPAE, 1, PS, false },
    { "PML4E: PS", MLONG, 0, PS, true },
    { "PML4E: G, AMD", MLONG, 0, PTE_GLOBAL, true },
    { "PML4E: bit 48", MLONG, 0, BIT(48), true },
    { "PML4E: bit 51", MLONG, 0, BIT(51), true },
    { "PML4E: bit 52", MLONG, 0, BIT(52), false },
    { "1 GiB: bit 13", MLONG, 1, PS | BIT(13), true },
    { "1 GiB: bit 29", MLONG, 1, PS | BIT(29), true },
    { "2 MiB: bit 20", MLONG, 2, PS | BIT(20), true },
    { "PTE: bit 47 is address", MLONG, 3, BIT(47), false },
    { "PTE: bit 48", MLONG, 3, BIT(48), true },
    { "PTE: bit 62 is a key", MLONG, 3, BIT(62), false },
    { "PML5E: PS", MLA57, 0, PS, true },
    { "PML5E: G, AMD", MLA57, 0, PTE_GLOBAL, true },
};

static void test_reserved(void)
{
    uint64_t gpa;

    TEST("reserved bits: one at a time")
    {
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
            const int m = reserved[i].mode;
            struct gwalk_cpu c = cpu_of(m);
            uint64_t e;
            uint32_t got;

            build(m, W | U);
            e = get(m, reserved[i].level);
            if (reserved[i].add & PS)
                e &= ~0x3ff000ULL; /* the address of a large page */
            put(m, reserved[i].level, e | reserved[i].add);
            got = try(&c, la_of(m), PFEC_USER | PFEC_WRITE, &gpa);
            if ((got == (PFEC_PRESENT | PFEC_RESERVED | PFEC_USER | PFEC_WRITE)) !=
                reserved[i].reserved)
                printf("  %s: %#x\n", reserved[i].what, got);
            CHECK_EQ(got == (PFEC_PRESENT | PFEC_RESERVED | PFEC_USER | PFEC_WRITE),
                     reserved[i].reserved);
            CHECK(reserved[i].reserved || got == ~0U);
        }
    }
    TEST("reserved bits that depend on the machine")
    {
        struct gwalk_cpu c = cpu_of(MLONG);

        build(MLONG, W);
        put(MLONG, 0, get(MLONG, 0) | PTE_GLOBAL);
        c.amd = false;
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), ~0U);
        build(MLONG, W);
        put(MLONG, 3, get(MLONG, 3) | PTE_NX);
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), ~0U);
        c.efer &= ~EFER_NX;
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), PFEC_PRESENT | PFEC_RESERVED);
        c = cpu_of(MLONG);
        build(MLONG, W);
        put(MLONG, 1, 0x40000000 | P | W | PS);
        c.page1gb = false;
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), PFEC_PRESENT | PFEC_RESERVED);
        c = cpu_of(MPAE);
        c.pdpte_accessed = true;
        build(MPAE, W | U);
        put(MPAE, 0, get(MPAE, 0) | BIT(5));
        CHECK_EQ(try(&c, la_of(MPAE), 0, &gpa), ~0U);
        c = cpu_of(M32);
        c.phys_bits = 36;
        build(M32, W);
        put(M32, 0, 0x400000 | P | PS | BIT(16));
        CHECK_EQ(try(&c, la_of(M32), 0, &gpa), ~0U);
        put(M32, 0, 0x400000 | P | PS | BIT(17));
        CHECK_EQ(try(&c, la_of(M32), 0, &gpa), PFEC_PRESENT | PFEC_RESERVED);
    }
    TEST("an entry that is not present has no reserved bits, and hides those below it")
    {
        struct gwalk_cpu c = cpu_of(MLONG);

        build(MLONG, W);
        put(MLONG, 3, BIT(51));
        CHECK_EQ(try(&c, la_of(MLONG), PFEC_WRITE, &gpa), PFEC_WRITE);
        build(MLONG, W);
        put(MLONG, 3, get(MLONG, 3) | BIT(51));
        put(MLONG, 2, get(MLONG, 2) & ~P);
        CHECK_EQ(try(&c, la_of(MLONG), 0, &gpa), 0);
        CHECK_EQ(get(MLONG, 0) & A, 0);
    }
}

/* --- rights ----------------------------------------------------------------------------------- */

#define CR0_WP_BIT BIT(0)
#define SMEP_BIT BIT(1)
#define SMAP_BIT BIT(2)
#define AC_BIT BIT(3)
#define PKE_BIT BIT(4)

#define PRES PFEC_PRESENT
#define WR PFEC_WRITE
#define US PFEC_USER
#define FE PFEC_FETCH
#define FINE (~0U)

/* A page of 4-level paging; key 5 with these PKRU bits. */
static const struct {
    uint64_t page;
    unsigned int control;
    uint32_t key, access, want;
} rights[] = {
    /* a user */
    { W | U, 0, 0, US, FINE },
    { W | U, 0, 0, US | WR, FINE },
    { U, 0, 0, US | WR, PRES | US | WR },
    { W, 0, 0, US, PRES | US },
    { W, 0, 0, US | FE, PRES | US | FE },
    { U | PTE_NX, 0, 0, US | FE, PRES | US | FE },
    { U | PTE_NX, 0, 0, US, FINE },
    /* a supervisor on its own pages */
    { 0, 0, 0, 0, FINE },
    { 0, 0, 0, WR, FINE },
    { 0, CR0_WP_BIT, 0, WR, PRES | WR },
    { W, CR0_WP_BIT, 0, WR, FINE },
    { PTE_NX, 0, 0, FE, PRES | FE },
    { 0, SMEP_BIT | SMAP_BIT, 0, FE, FINE },
    { W, SMEP_BIT | SMAP_BIT, 0, WR, FINE },
    /* a supervisor on a user's pages */
    { U, 0, 0, FE, FINE },
    { U, SMEP_BIT, 0, FE, PRES | FE },
    { U, SMAP_BIT, 0, FE, FINE },
    { U, SMEP_BIT, 0, 0, FINE },
    { U | W, SMAP_BIT, 0, 0, PRES },
    { U | W, SMAP_BIT, 0, WR, PRES | WR },
    { U | W, SMAP_BIT | AC_BIT, 0, WR, FINE },
    { U | W, SMAP_BIT | AC_BIT, 0, WR | GWALK_IMPLICIT, PRES | WR },
    { U | W, SMAP_BIT | AC_BIT, 0, GWALK_IMPLICIT, PRES },
    { U | W, SMAP_BIT, 0, WR | GWALK_NO_SMAP, FINE },
    { U | W, SMAP_BIT, 0, US | WR, FINE },
    { U, SMAP_BIT | AC_BIT | CR0_WP_BIT, 0, WR, PRES | WR },
    { U, SMAP_BIT | AC_BIT, 0, WR, FINE },
    /* keys: 1 no access, 2 no writing */
    { U | W, 0, 3, US | WR, FINE },
    { U | W, PKE_BIT, 1, US, PRES | US | PFEC_KEY },
    { U | W, PKE_BIT, 1, US | WR, PRES | US | WR | PFEC_KEY },
    { U | W, PKE_BIT, 1, US | FE, FINE },
    { U | W, PKE_BIT, 2, US, FINE },
    { U | W, PKE_BIT, 2, US | WR, PRES | US | WR | PFEC_KEY },
    { U | W, PKE_BIT, 1, 0, PRES | PFEC_KEY },
    { U | W, PKE_BIT, 2, WR, FINE },
    { U | W, PKE_BIT | CR0_WP_BIT, 2, WR, PRES | WR | PFEC_KEY },
    { W, PKE_BIT | CR0_WP_BIT, 3, WR, FINE },
    { W, PKE_BIT, 3, US, PRES | US },
    { U, PKE_BIT, 2, US | WR, PRES | US | WR | PFEC_KEY },
};

static void set_control(struct gwalk_cpu *c, unsigned int control, uint32_t key)
{
    c->cr0 = (c->cr0 & ~X86_CR0_WP) | (control & CR0_WP_BIT ? X86_CR0_WP : 0);
    c->cr4 |= (control & SMEP_BIT ? X86_CR4_SMEP : 0) | (control & SMAP_BIT ? X86_CR4_SMAP : 0) |
              (control & PKE_BIT ? X86_CR4_PKE : 0);
    c->rflags = control & AC_BIT ? X86_EFLAGS_AC : 0;
    c->pkru = key << 10; /* key 5 */
}

static void test_rights(void)
{
    TEST("rights and error codes by the manual")
    {
        for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
            struct gwalk_cpu c = cpu_of(MLONG);
            uint64_t gpa;
            uint32_t got;

            build(MLONG, W | U);
            put(MLONG, 3, 0x7000 | P | rights[i].page | 5ULL << 59);
            set_control(&c, rights[i].control, rights[i].key);
            got = try(&c, la_of(MLONG), rights[i].access, &gpa);
            if (got != rights[i].want)
                printf("  row %zu\n", i);
            CHECK_EQ(got, rights[i].want);
            CHECK_EQ(get(MLONG, 0) & A, got == FINE ? A : 0);
        }
    }
    TEST("a fetch is named only with NX or SMEP")
    {
        for (int m = 0; m < MODES; m++) {
            struct gwalk_cpu c = cpu_of(m);
            uint64_t gpa;

            build(m, 0);
            CHECK_EQ(try(&c, la_of(m), US | FE, &gpa), PRES | US | (m == M32 ? 0 : FE));
            c.efer = (c.efer & ~EFER_NX) | (m == M32 ? EFER_NX : 0);
            CHECK_EQ(try(&c, la_of(m), US | FE, &gpa), PRES | US);
            c.cr4 |= X86_CR4_SMEP;
            CHECK_EQ(try(&c, la_of(m), US | FE, &gpa), PRES | US | FE);
        }
    }
}

static const uint32_t accesses[] = { 0, WR, FE, US, US | WR, US | FE, GWALK_IMPLICIT,
                                     WR | GWALK_IMPLICIT, GWALK_NO_SMAP, WR | GWALK_NO_SMAP };

/* One set of tables, all accesses, all control bits: the number of answers that differ. */
static unsigned int compare(int m)
{
    static uint8_t before[REF_BYTES], after[REF_BYTES];
    unsigned int wrong = 0;

    memcpy(before, ref_memory, sizeof(before));
    for (unsigned int n = 0; n < 32 * 4 * 2 * 10; n++) {
        struct gwalk_cpu c = cpu_of(m);
        struct gwalk_out got, want;
        bool ok, ref_ok;

        memcpy(ref_memory, before, sizeof(before));
        set_control(&c, n & 31, n >> 5 & 3);
        if (n & 128)
            c.efer &= ~EFER_NX;
        ref_ok = ref_gwalk(&c, la_of(m), accesses[n >> 8], &want, after);
        ok = gwalk(&c, &ref_ops, NULL, la_of(m), accesses[n >> 8], &got);
        wrong += ok != ref_ok || got.gpa != want.gpa || got.error != want.error ||
                 memcmp(ref_memory, after, sizeof(after));
    }
    return wrong;
}

static void test_all_rights(void)
{
    TEST("all rights of two levels, accesses and control bits, in all modes")
    {
        for (int m = 0; m < MODES; m++)
            for (unsigned int r = 0; r < 64; r++) {
                const unsigned int last = levels_of(m) - 1;

                build(m, W | U);
                for (unsigned int i = 0; i < 2; i++) {
                    const unsigned int b = r >> (3 * i) & 7;
                    uint64_t e = get(m, last - i) & ~(W | U);

                    e |= (b & 1 ? W : 0) | (b & 2 ? U : 0) | (b & 4 && m > M32 ? PTE_NX : 0) |
                         (m >= MLONG ? 5ULL << 59 : 0);
                    put(m, last - i, e);
                }
                CHECK_EQ(compare(m), 0);
            }
    }
}

static void test_races(void)
{
    struct gwalk_cpu c = cpu_of(MLONG);
    uint64_t gpa;

    TEST("an entry that changes makes the walk start again")
    {
        build(MLONG, W | U);
        ref_races = 1;
        ref_race_xor = W; /* of the top level: now read-only */
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), PRES | US | WR);
        build(MLONG, W | U);
        ref_races = 3;
        ref_race_xor = BIT(9);
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), ~0U);
        CHECK_EQ(get(MLONG, 3), 0x7000 | P | W | U | A | D);
        CHECK_EQ(get(MLONG, 0), 0x2000 | P | W | U | A | BIT(9));
    }
    TEST("somebody else sets accessed and dirty")
    {
        build(MLONG, W | U);
        ref_races = 1;
        ref_race_xor = A;
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), ~0U);
        CHECK_EQ(get(MLONG, 0), 0x2000 | P | W | U | A);
    }
    TEST("a guest that never stops gets a fault")
    {
        build(MLONG, W | U);
        ref_races = ~0U;
        ref_race_xor = BIT(9);
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), PRES | US | WR);
        build(MLONG, W | U);
        ref_races = ~0U;
        ref_race_xor = D;
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), PRES | US | WR);
        ref_races = 0;
    }
    TEST("a look leaves no marks")
    {
        build(MLONG, W | U);
        CHECK_EQ(try(&c, la_of(MLONG), WR | GWALK_NO_AD, &gpa), ~0U);
        CHECK_EQ(get(MLONG, 3) & (A | D), 0);
    }
    TEST("a table that is not in memory reads as zeros")
    {
        build(MLONG, W | U);
        put(MLONG, 1, REF_BYTES | P | W | U);
        CHECK_EQ(try(&c, la_of(MLONG), US | WR, &gpa), US | WR);
    }
}

int main(void)
{
    test_pages();
    test_reserved();
    test_rights();
    test_all_rights();
    test_races();
    return check_exit();
}
