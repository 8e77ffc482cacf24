/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own page tables.
 *
 * Invariants: every L3 table behind slots 256 to 271 of hv_l4 exists from paging_init_early() on
 * and never goes away, so a guest L4 that copied the slots sees all later mappings. Nothing is
 * mapped both writable and executable: text and rodata are read-only through the direct map too.
 * Tables are only added, by compare-and-swap, so adding needs no lock.
 */
#include <abi.h>
#include <arch/direct.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/string.h>

#define TABLE_ALIGNED __attribute__((aligned(4096), section(".bss.page_aligned")))
#define IMAGE_L1_TABLES 4 /* the image may take 8 MiB */
#define LOW_L2_TABLES 4   /* 4 GiB: head.S's */

extern char __image_start[], __text_end[], __rodata_end[], __image_end[];
extern pte_t boot_l2[LOW_L2_TABLES * PT_ENTRIES];

TABLE_ALIGNED pte_t hv_l4[PT_ENTRIES];
static TABLE_ALIGNED pte_t hv_l3[HV_NR_SLOTS][PT_ENTRIES];
static TABLE_ALIGNED pte_t image_l2[PT_ENTRIES];
static TABLE_ALIGNED pte_t image_l1[IMAGE_L1_TABLES][PT_ENTRIES]; /* through IMAGE_VIRT_START */
/* the same frames in the direct map */
static TABLE_ALIGNED pte_t image_direct_l1[IMAGE_L1_TABLES][PT_ENTRIES];
static TABLE_ALIGNED pte_t identity_l3[PT_ENTRIES], identity_l2[PT_ENTRIES];

static paddr_t image_pa(const void *p) { return (uintptr_t)p - IMAGE_VIRT_START; }

static uint64_t nx(void) { return cpu_features.nx ? PTE_NX : 0; }

static pte_t leaf(paddr_t pa, uint64_t flags)
{
    return (pte_t){ pa | (flags & ~PTE_NX) | ((flags & PTE_NX) ? nx() : 0) };
}

static pte_t table(const pte_t *t) { return (pte_t){ image_pa(t) | HV_TABLE }; }

static uint64_t image_flags(const char *va)
{
    if (va < __text_end)
        return HV_RX;
    return va < __rodata_end ? HV_RO : HV_RW;
}

/*
 * The image at its virtual place, and its frames in the direct map: 4 KiB pages of the right
 * protection.
 */
static void map_image(void)
{
    paddr_t start = ROUND_DOWN(image_pa(__image_start), 1U << L2_SHIFT),
            end = image_pa(__image_end);
    unsigned int tables = (unsigned int)DIV_ROUND_UP(end - start, 1U << L2_SHIFT);

    BUG_ON(tables > IMAGE_L1_TABLES);
    for (paddr_t pa = start; pa < end; pa += PAGE_SIZE) {
        const char *va = (const char *)(uintptr_t)(IMAGE_VIRT_START + pa);
        uint64_t flags = va < __image_start ? HV_RW : image_flags(va);
        unsigned int t = (unsigned int)((pa - start) >> L2_SHIFT), i = pt_index(pa, 1);

        image_l1[t][i] = leaf(pa, flags);
        image_direct_l1[t][i] = leaf(pa, flags | PTE_NX);
    }
    for (unsigned int t = 0; t < tables; t++) {
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            if (!pte_present(image_direct_l1[t][i])) /* behind the image in its last 2 MiB */
                image_direct_l1[t][i] = leaf(
                    start + ((paddr_t)t << L2_SHIFT) + ((paddr_t)i << L1_SHIFT), HV_RW);
        image_l2[pt_index(IMAGE_VIRT_START + start, 2) + t] = table(image_l1[t]);
    }
    hv_l3[261 - HV_FIRST_SLOT][pt_index(IMAGE_VIRT_START, 3)] = table(image_l2);
}

/*
 * head.S mapped 4 GiB executable through boot_l2; from now on it is data, and the image's frames
 * are protected there too.
 */
static void protect_direct_map(void)
{
    unsigned int first = pt_index(IMAGE_PHYS_START, 2);

    for (unsigned int i = 0; i < LOW_L2_TABLES * PT_ENTRIES; i++)
        boot_l2[i] = leaf((paddr_t)i << L2_SHIFT, HV_RW | PTE_PSE);
    for (unsigned int t = 0; t < IMAGE_L1_TABLES && pte_present(image_direct_l1[t][0]); t++)
        boot_l2[first + t] = table(image_direct_l1[t]);
}

void paging_init_early(void)
{
    for (unsigned int i = 0; i < HV_NR_SLOTS; i++)
        hv_l4[HV_FIRST_SLOT + i] = table(hv_l3[i]);

    for (unsigned int i = 0; i < LOW_L2_TABLES; i++)
        hv_l3[262 - HV_FIRST_SLOT][i] = table(&boot_l2[(size_t)i * PT_ENTRIES]);
    map_image();

    /* The first 2 MiB one to one and executable, for secondary cpus on their way to long mode. */
    identity_l2[0] = leaf(0, HV_RX | PTE_RW | PTE_DIRTY | PTE_PSE);
    identity_l3[0] = table(identity_l2);
    hv_l4[0] = table(identity_l3);
    write_cr3(image_pa(hv_l4));
    /* Only now: until here we ran through these tables ourselves. */
    protect_direct_map();
    write_cr3(image_pa(hv_l4));
}

void paging_seal(void)
{
    hv_l4[0] = (pte_t){ 0 };
    tlb_flush_local();
}

static void direct_map_1g(paddr_t pa)
{
    pte_t *l3e = &hv_l3[262 - HV_FIRST_SLOT + (pa >> L4_SHIFT)][pt_index(pa, 3)];
    pte_t *l2;

    if (pte_present(*l3e))
        return;
    if (cpu_features.page1gb) {
        *l3e = leaf(pa, HV_RW | PTE_PSE);
        return;
    }
    l2 = hv_page_alloc(0);
    if (l2 == NULL)
        boot_fail("out of memory for the direct map at %#lx", (unsigned long)pa);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        l2[i] = leaf(pa + ((paddr_t)i << L2_SHIFT), HV_RW | PTE_PSE);
    *l3e = (pte_t){ direct_pa(l2) | HV_TABLE };
}

void paging_map_ram(paddr_t start, paddr_t end)
{
    end = MIN(end, (paddr_t)DIRECTMAP_SIZE);
    for (paddr_t pa = ROUND_DOWN(start, 1ULL << L3_SHIFT); pa < end; pa += 1ULL << L3_SHIFT)
        direct_map_1g(pa);
}

/* --- mapping on demand ------------------------------------------------------------------------ */

#define POOL_MAX 64
static DEFINE_SPINLOCK(pool_lock, RANK_LEAF);
static paddr_t pool[POOL_MAX] GUARDED_BY(pool_lock);
static unsigned int pool_nr;

void hv_map_pool_add(paddr_t frame)
{
    spin_lock(&pool_lock);
    BUG_ON(pool_nr == POOL_MAX);
    pool[pool_nr++] = frame;
    spin_unlock(&pool_lock);
}

unsigned int hv_map_pool_free(void) { return read_once(pool_nr); }

static paddr_t table_frame(void)
{
    paddr_t pa = 0;
    void *va;

    spin_lock(&pool_lock);
    if (pool_nr > 0)
        pa = pool[--pool_nr];
    spin_unlock(&pool_lock);
    if (pa) {
        memset(direct_va(pa), 0, PAGE_SIZE);
        return pa;
    }
    va = hv_page_alloc(0);
    return va ? direct_pa(va) : 0;
}

/* The table that entry *e points to, made if missing; NULL when out of memory. */
static pte_t *table_below(pte_t *e, uint64_t flags)
{
    uint64_t empty = 0;
    paddr_t pa;

    if (pte_present(*e)) {
        BUG_ON(e->v & PTE_PSE);
        return direct_va(e->v & PTE_ADDR);
    }
    pa = table_frame();
    if (pa == 0)
        return NULL;
    if (!__atomic_compare_exchange_n(&e->v, &empty, pa | flags, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        hv_page_free(direct_va(pa), 0); /* another cpu was first */
    return direct_va(e->v & PTE_ADDR);
}

static pte_t *slot_l3(uint64_t va)
{
    unsigned int slot = pt_index(va, 4);

    BUG_ON(slot < HV_FIRST_SLOT || slot >= HV_FIRST_SLOT + HV_NR_SLOTS || slot == PERDOMAIN_SLOT);
    return hv_l3[slot - HV_FIRST_SLOT];
}

int hv_map(uint64_t va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    /* Upper levels carry USER for what guests may read (the M2P); the leaf decides. */
    uint64_t table_flags = HV_TABLE | (flags & PTE_USER);

    while (nr > 0) {
        bool large = nr >= PT_ENTRIES && !((va >> PAGE_SHIFT) & (PT_ENTRIES - 1)) &&
                     !(mfn.n & (PT_ENTRIES - 1));
        unsigned long step = large ? PT_ENTRIES : 1;
        pte_t *l2 = table_below(&slot_l3(va)[pt_index(va, 3)], table_flags), *e = NULL;

        if (l2 == NULL)
            return -ENOMEM;
        e = &l2[pt_index(va, 2)];
        if (!large) {
            pte_t *l1 = table_below(e, table_flags);

            if (l1 == NULL)
                return -ENOMEM;
            e = &l1[pt_index(va, 1)];
        }
        BUG_ON(pte_present(*e));
        write_once(e->v, leaf(mfn_to_paddr(mfn), flags | (large ? PTE_PSE : 0)).v);
        va += step << PAGE_SHIFT;
        mfn.n += step;
        nr -= step;
    }
    return 0;
}

/* The leaf entry for va, or the first that is not present; *level says where it stands. */
static pte_t *walk(pte_t *l3, uint64_t va, unsigned int *level)
{
    pte_t *t = l3;

    for (*level = 3;; (*level)--) {
        pte_t *e = &t[pt_index(va, *level)];

        if (*level == 1 || !pte_present(*e) || (e->v & PTE_PSE))
            return e;
        t = direct_va(e->v & PTE_ADDR);
    }
}

pte_t hv_walk(uint64_t va, unsigned int *level) { return *walk(slot_l3(va), va, level); }

void hv_unmap(uint64_t va, unsigned long nr)
{
    while (nr > 0) {
        unsigned int level;
        pte_t *e = walk(slot_l3(va), va, &level);
        unsigned long step = 1UL << (9 * (level - 1));

        BUG_ON(step > nr);
        write_once(e->v, 0);
        va += step << PAGE_SHIFT;
        nr -= step;
    }
    tlb_flush_mask(&cpu_online_map);
}

void hv_unmap_local(uint64_t va)
{
    unsigned int level;
    pte_t *e = walk(slot_l3(va), va, &level);

    BUG_ON(level != 1);
    write_once(e->v, 0);
    tlb_flush_va_local(va);
}

/* --- devices and firmware tables -------------------------------------------------------------- */

static uint64_t ioremap_next = IOREMAP_VIRT_START;

static void *ioremap_flags(paddr_t pa, size_t len, uint64_t flags)
{
    unsigned long nr;
    uint64_t va;

    if (len == 0 || pa + len < pa || (pa + len) >> 52)
        return NULL;
    nr = DIV_ROUND_UP((pa & PAGE_OFFSET_MASK) + len, PAGE_SIZE);
    va = __atomic_fetch_add(&ioremap_next, nr << PAGE_SHIFT, __ATOMIC_SEQ_CST);
    if (va + (nr << PAGE_SHIFT) > IOREMAP_VIRT_END || hv_map(va, paddr_to_mfn(pa), nr, flags))
        return NULL;
    return (void *)(uintptr_t)(va + (pa & PAGE_OFFSET_MASK));
}

void *hv_ioremap(paddr_t pa, size_t len) { return ioremap_flags(pa, len, HV_UC); }

const void *hv_map_firmware(paddr_t pa, size_t len) { return ioremap_flags(pa, len, HV_RO); }

/* --- the per-domain slot ---------------------------------------------------------------------- */

int perdomain_init(struct domain *d)
{
    pte_t *l3 = hv_page_alloc(0);

    if (l3 == NULL)
        return -ENOMEM;
    d->arch.perdomain_l3 = l3;
    d->arch.perdomain_mfn = paddr_to_mfn(direct_pa(l3));
    return 0;
}

pte_t *perdomain_l1e(struct domain *d, uint64_t va)
{
    unsigned int level;
    pte_t *e = walk(d->arch.perdomain_l3, va, &level);

    return level == 1 ? e : NULL;
}

int perdomain_map(struct domain *d, uint64_t va, mfn_t mfn, uint64_t flags)
{
    pte_t *l2, *l1;

    BUG_ON(pt_index(va, 4) != PERDOMAIN_SLOT);
    l2 = table_below(&d->arch.perdomain_l3[pt_index(va, 3)], HV_TABLE);
    l1 = l2 ? table_below(&l2[pt_index(va, 2)], HV_TABLE) : NULL;
    if (l1 == NULL)
        return -ENOMEM;
    write_once(l1[pt_index(va, 1)].v,
               mfn_eq(mfn, INVALID_MFN) ? 0 : leaf(mfn_to_paddr(mfn), flags).v);
    return 0;
}

static void free_tables(pte_t *t, unsigned int level)
{
    if (level > 1)
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            if (pte_present(t[i]))
                free_tables(direct_va(t[i].v & PTE_ADDR), level - 1);
    hv_page_free(t, 0);
}

void perdomain_destroy(struct domain *d)
{
    if (d->arch.perdomain_l3 != NULL)
        free_tables(d->arch.perdomain_l3, 3);
    d->arch.perdomain_l3 = NULL;
}
