/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame table and the machine-to-physical table: both sparse, built a section of RAM at a time.
 *
 * A section in use has all its struct pages mapped. Chunks of the table (a page of it: 128 frames)
 * without any RAM share one read-only page of PAGE_HOLE entries, so that a lookup needs to ask for
 * the section only. Likewise the guests' view of the M2P has no gaps: what is not in use reads as
 * all ones, from one page behind shared tables of each level. The M2P is written through the direct
 * map; the mapping that guests see is read-only for everybody.
 */
#include <arch/cpu.h>
#include <arch/frametable.h>
#include <arch/paging.h>
#include <arch/pv32.h>
#include <arch/tlb.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <lib/string.h>

#define MAX_RAM_RANGES 256
/* frames described by a page of the frame table */
#define CHUNK_FRAMES (PAGE_SIZE / sizeof(struct page))
#define SECTION_CHUNKS ((unsigned int)(SECTION_PAGES / CHUNK_FRAMES))
#define M2P_FRAMES (PAGE_SIZE / sizeof(uint64_t))        /* frames described by a page of the M2P */
#define SECTION_M2P_PAGES ((unsigned int)(SECTION_PAGES / M2P_FRAMES))
#define M2P_TABLE_FLAGS (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define M2P_LEAF_FLAGS (M2P_TABLE_FLAGS)

uint32_t section_m2p[NR_SECTIONS];

/* frames, sorted, no two touch */
static struct ram_range { uint64_t start, end; } ram[MAX_RAM_RANGES];
static unsigned int nr_ram;

static mfn_t hole_page;
static pte_t *m2p_l3;                      /* behind L4 slot 256 */
static mfn_t m2p_ones, m2p_ones_l1, m2p_ones_l2;

/* --- which frames are RAM --------------------------------------------------------------------- */

/* First range that ends after the frame, nr_ram if there is none. */
static unsigned int ram_find(uint64_t frame)
{
    unsigned int lo = 0, hi = nr_ram;

    while (lo < hi) {
        unsigned int mid = (lo + hi) / 2;

        if (ram[mid].end <= frame)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool ram_in(uint64_t start, uint64_t end) /* any RAM in [start, end) */
{
    unsigned int i = ram_find(start);

    return i < nr_ram && ram[i].start < end;
}

void ram_add_range(paddr_t start_pa, paddr_t end_pa)
{
    uint64_t start = DIV_ROUND_UP(start_pa, PAGE_SIZE);
    uint64_t end = MIN(end_pa >> PAGE_SHIFT, 1ULL << (MAX_PADDR_BITS - PAGE_SHIFT));
    unsigned int first, last;

    if (start >= end)
        return;
    first = ram_find(start ? start - 1 : 0); /* the first one that touches or lies behind */
    if (first < nr_ram && ram[first].end < start)
        first++;
    for (last = first; last < nr_ram && ram[last].start <= end; last++) {
        start = MIN(start, ram[last].start);
        end = MAX(end, ram[last].end);
    }
    if (first == last && nr_ram == MAX_RAM_RANGES) {
        log_warn("RAM %#lx-%#lx ignored: too many ranges\n", (unsigned long)start_pa,
                 (unsigned long)end_pa);
        return;
    }
    memmove(&ram[first + 1], &ram[last], (nr_ram - last) * sizeof(ram[0]));
    nr_ram = nr_ram - (last - first) + 1;
    ram[first] = (struct ram_range){ start, end };
}

bool mfn_is_ram(mfn_t mfn)
{
    unsigned int i = ram_find(mfn.n);

    return i < nr_ram && ram[i].start <= mfn.n;
}

mfn_t mfn_max(void)
{
    return _mfn(nr_ram ? ram[nr_ram - 1].end - 1 : 0);
}

/* --- lookups ---------------------------------------------------------------------------------- */

struct page *mfn_to_page(mfn_t mfn)
{
    struct page *pg;

    if (unlikely(mfn.n >> (MAX_PADDR_BITS - PAGE_SHIFT)) ||
        unlikely(!section_built(SECTION_OF(mfn))))
        return NULL;
    pg = frame_table + index_nospec(mfn.n, 1ULL << (MAX_PADDR_BITS - PAGE_SHIFT));
    return unlikely(read_once(pg->ref) & PAGE_HOLE) ? NULL : pg;
}

struct page *mfn_to_page_known(mfn_t mfn)
{
    ASSERT(mfn_to_page(mfn));
    return frame_table + mfn.n;
}

mfn_t page_to_mfn(const struct page *pg)
{
    return _mfn((uint64_t)(pg - frame_table));
}

static uint64_t *m2p_entry(mfn_t mfn)
{
    uint64_t in_section = mfn.n & (SECTION_PAGES - 1);

    return (uint64_t *)direct_va((paddr_t)section_m2p[SECTION_OF(mfn)] << PAGE_SHIFT) + in_section;
}

void m2p_set(mfn_t mfn, uint64_t pfn)
{
    ASSERT(mfn_to_page(mfn));
    write_once(*m2p_entry(mfn), pfn);
    if (unlikely(read_once(pv32_m2p_built)))
        pv32_m2p_set(mfn, pfn);
}

uint64_t m2p_get(mfn_t mfn)
{
    return mfn_to_page(mfn) ? read_once(*m2p_entry(mfn)) : M2P_INVALID;
}

/* --- building a section ----------------------------------------------------------------------- */

struct section_need section_need(uint64_t section)
{
    uint64_t base = section * SECTION_PAGES;
    struct section_need need = { 0, 0 };
    unsigned int first = SECTION_M2P_PAGES, last = 0;

    for (unsigned int c = 0; c < SECTION_CHUNKS; c++)
        need.table_pages += ram_in(base + c * CHUNK_FRAMES, base + (c + 1) * CHUNK_FRAMES);
    for (unsigned int i = 0; i < SECTION_M2P_PAGES; i++)
        if (ram_in(base + i * M2P_FRAMES, base + (i + 1) * M2P_FRAMES)) {
            first = MIN(first, i);
            last = i + 1;
        }
    need.m2p_pages = last - MIN(first, last);
    return need;
}

static uint64_t m2p_nx(void) /* for the entry that everything is behind */
{
#ifdef HOST
    return PTE_NX;
#else
    return cpu_features.nx ? PTE_NX : 0;
#endif
}

static void *table_page(mfn_t *mfn)
{
    void *va = hv_page_alloc(0);

    BUG_ON(!va); /* the allocator keeps SECTION_PT_PAGES ready */
    *mfn = paddr_to_mfn(direct_pa(va));
    return va;
}

static void fill_table(pte_t *table, mfn_t target, uint64_t flags)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        table[i] = pte_make(target, flags);
}

/* With the first section. */
static void shared_init(void)
{
    struct page *hole = table_page(&hole_page);
    mfn_t l3;

    for (unsigned int i = 0; i < CHUNK_FRAMES; i++)
        hole[i].ref = PAGE_HOLE;
    memset(table_page(&m2p_ones), 0xff, PAGE_SIZE);
    fill_table(table_page(&m2p_ones_l1), m2p_ones, M2P_LEAF_FLAGS);
    fill_table(table_page(&m2p_ones_l2), m2p_ones_l1, M2P_TABLE_FLAGS);
    m2p_l3 = table_page(&l3);
    for (unsigned int i = 0; i < pt_index(M2P_VIRT_END - 1, 3) + 1; i++)
        m2p_l3[i] = pte_make(m2p_ones_l2, M2P_TABLE_FLAGS);
    hv_l4[pt_index(M2P_VIRT_START, 4)] = pte_make(l3, M2P_TABLE_FLAGS | m2p_nx());
}

/* The table below an entry of the M2P's tree, made private first if it is still the shared one. */
static pte_t *m2p_private_table(pte_t *e, mfn_t shared, mfn_t shared_target, uint64_t flags)
{
    pte_t *table;
    mfn_t mfn;

    if (!mfn_eq(pte_mfn(*e), shared))
        return direct_va(mfn_to_paddr(pte_mfn(*e)));
    table = table_page(&mfn);
    fill_table(table, shared_target, flags);
    write_once(e->v, pte_make(mfn, M2P_TABLE_FLAGS).v);
    return table;
}

static void m2p_map_page(uint64_t va, mfn_t mfn)
{
    pte_t *l2 = m2p_private_table(&m2p_l3[pt_index(va, 3)], m2p_ones_l2, m2p_ones_l1,
                                  M2P_TABLE_FLAGS);
    pte_t *l1 = m2p_private_table(&l2[pt_index(va, 2)], m2p_ones_l1, m2p_ones, M2P_LEAF_FLAGS);

    write_once(l1[pt_index(va, 1)].v, pte_make(mfn, M2P_LEAF_FLAGS).v);
}

/*
 * Gives the page that the section's M2P would begin with; pages without RAM behind them are used as
 * well inside the span.
 */
static uint32_t m2p_build(uint64_t section, mfn_t m2p, unsigned int nr)
{
    uint64_t base = section * SECTION_PAGES;
    unsigned int first = 0;

    while (!ram_in(base + first * M2P_FRAMES, base + (first + 1) * M2P_FRAMES))
        first++;
    memset(direct_va(mfn_to_paddr(m2p)), 0xff, nr * PAGE_SIZE);
    for (unsigned int i = 0; i < nr; i++)
        m2p_map_page(M2P_VIRT_START + (base + (first + i) * M2P_FRAMES) * sizeof(uint64_t),
                     _mfn(m2p.n + i));
    return (uint32_t)m2p.n - first;
}

static void mark_holes(uint64_t start, uint64_t end)
{
    for (uint64_t f = start; f < end; f++)
        if (!mfn_is_ram(_mfn(f)))
            frame_table[f].ref = PAGE_HOLE;
}

static void table_map(uint64_t base, unsigned int chunk, mfn_t mfn, unsigned long nr,
                      uint64_t flags)
{
    uint64_t va = (uint64_t)(uintptr_t)(frame_table + base + chunk * CHUNK_FRAMES);

    BUG_ON(hv_map(va, mfn, nr, flags));
}

static void table_build(uint64_t base, mfn_t table)
{
    for (unsigned int c = 0; c < SECTION_CHUNKS; c++) {
        uint64_t start = base + c * CHUNK_FRAMES, end = start + CHUNK_FRAMES;

        if (!ram_in(start, end)) {
            table_map(base, c, hole_page, 1, HV_RO);
            continue;
        }
        table_map(base, c, table, 1, HV_RW);
        memset(frame_table + start, 0, PAGE_SIZE);
        if (ram[ram_find(start)].start > start || ram[ram_find(start)].end < end)
            mark_holes(start, end);
        table.n++;
    }
}

void section_build(uint64_t section, mfn_t table, mfn_t m2p)
{
    struct section_need need = section_need(section);
    uint64_t base = section * SECTION_PAGES;

    if (!m2p_l3)
        shared_init();
    if (need.table_pages == SECTION_CHUNKS && !(table.n % SECTION_CHUNKS)) {
        table_map(base, 0, table, SECTION_CHUNKS, HV_RW);
        memset(frame_table + base, 0, SECTION_PAGES * sizeof(struct page));
        for (unsigned int i = ram_find(base); i < nr_ram && ram[i].end < base + SECTION_PAGES; i++)
            mark_holes(ram[i].end, i + 1 < nr_ram ? MIN(ram[i + 1].start, base + SECTION_PAGES)
                                                  : base + SECTION_PAGES);
    } else {
        table_build(base, table);
    }
    __atomic_store_n(&section_m2p[section], m2p_build(section, m2p, need.m2p_pages),
                     __ATOMIC_RELEASE);
}

void section_flush(void)
{
    tlb_flush_mask(&cpu_online_map);
}

/* --- contents of frames ----------------------------------------------------------------------- */

/*
 * Frames past the direct map (hosts with more than 5 TiB): WINDOWS per cpu, used as a stack. Slow,
 * but rarely needed.
 */
#define WINDOWS 8UL

#ifdef HOST
static void *window_map(mfn_t mfn) { panic("no windows on the host"); }
static void window_unmap(const void *va) {}
static void *long_map(mfn_t mfn) { panic("no windows on the host"); }
static void long_unmap(const void *va) {}
#else
#include <hv/percpu.h>

static DEFINE_PER_CPU(unsigned int, windows_used);

static void *window_map(mfn_t mfn)
{
    unsigned int n = this_cpu(windows_used)++;
    uint64_t va = WINDOW_VIRT_START + (smp_processor_id() * WINDOWS + n) * PAGE_SIZE;

    BUG_ON(n >= WINDOWS);
    BUG_ON(hv_map(va, mfn, 1, HV_RW));
    return (void *)va;
}

/* Nobody else has used this cpu's window. */
static void window_unmap(const void *va)
{
    hv_unmap_local((uint64_t)(uintptr_t)va);
    this_cpu(windows_used)--;
}

/* --- for long --- */

#define LONG_WINDOWS 65536U
#define LONG_WINDOW_START (WINDOW_VIRT_START + NR_CPUS * WINDOWS * PAGE_SIZE)
static DEFINE_SPINLOCK(long_lock, RANK_LEAF);
static uint64_t long_used[LONG_WINDOWS / 64] GUARDED_BY(long_lock);

static void *long_map(mfn_t mfn)
{
    unsigned int n = LONG_WINDOWS;

    spin_lock(&long_lock);
    for (unsigned int i = 0; i < ARRAY_SIZE(long_used); i++)
        if (~long_used[i]) {
            n = i * 64 + (unsigned int)__builtin_ctzll(~long_used[i]);
            long_used[i] |= BIT(n % 64);
            break;
        }
    spin_unlock(&long_lock);
    if (n == LONG_WINDOWS)
        return NULL;
    if (hv_map(LONG_WINDOW_START + n * PAGE_SIZE, mfn, 1, HV_RW)) {
        spin_lock(&long_lock);
        long_used[n / 64] &= ~BIT(n % 64);
        spin_unlock(&long_lock);
        return NULL;
    }
    return (void *)(LONG_WINDOW_START + n * PAGE_SIZE);
}

static void long_unmap(const void *va)
{
    uint64_t page = ROUND_DOWN((uint64_t)(uintptr_t)va, PAGE_SIZE),
             n = (page - LONG_WINDOW_START) / PAGE_SIZE;

    hv_unmap(page, 1);
    spin_lock(&long_lock);
    long_used[n / 64] &= ~BIT(n % 64);
    spin_unlock(&long_lock);
}
#endif

void *page_map(mfn_t mfn)
{
    return likely(direct_covers(mfn)) ? direct_va(mfn_to_paddr(mfn)) : window_map(mfn);
}

void page_unmap(const void *va)
{
    if (unlikely((uint64_t)(uintptr_t)va - WINDOW_VIRT_START < NR_CPUS * WINDOWS * PAGE_SIZE))
        window_unmap(va);
}

void *page_map_long(mfn_t mfn)
{
    return likely(direct_covers(mfn)) ? direct_va(mfn_to_paddr(mfn)) : long_map(mfn);
}

void page_unmap_long(const void *va)
{
    if (unlikely((uint64_t)(uintptr_t)va < DIRECTMAP_VIRT_START))
        long_unmap(va);
}
